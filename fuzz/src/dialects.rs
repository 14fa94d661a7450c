//! The twin of the tests of `trunkline-server`.

#[path = "../../crates/trunkline-server/tests/dialects/requests_twin.rs"]
pub mod requests_twin;
#[path = "../../crates/trunkline-server/tests/dialects/twin.rs"]
pub mod twin;
