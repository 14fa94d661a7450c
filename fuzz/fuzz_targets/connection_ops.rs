#![no_main]

use trunkline_fuzz::connection_ops::{Script, check};

libfuzzer_sys::fuzz_target!(|script: Script| check(script));
