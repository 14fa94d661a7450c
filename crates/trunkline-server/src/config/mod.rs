//! All settings, their defaults, and where each is read from.
