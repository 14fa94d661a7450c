//! Who sequences publications and keeps history: in memory, or on disk.
