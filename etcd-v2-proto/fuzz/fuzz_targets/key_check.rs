#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| etcd_v2_proto_fuzz::key_check(data));
