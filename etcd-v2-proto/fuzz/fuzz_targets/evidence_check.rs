#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| etcd_v2_proto_fuzz::evidence_check(data));
