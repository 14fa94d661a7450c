#![no_main]

use trunkline_fuzz::roundtrip::{Case, check};

libfuzzer_sys::fuzz_target!(|case: Case| check(&case));
