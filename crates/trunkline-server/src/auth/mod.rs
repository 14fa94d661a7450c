//! Who is this? Tokens into rights.
