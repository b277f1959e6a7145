//! Records of the kernel rings, decoded: any bytes, and well-headed records with hostile lengths.
//!
//! Holds: no panic, and text never grows beyond what the record held.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_probe::Event;

fn check(bytes: &[u8]) {
    let Some(event) = rampart_probe::fuzz::record(bytes) else {
        return;
    };
    if let Event::Exec(exec) = &event {
        // An invalid byte becomes three, and a gap argument may be added.
        let text = exec.path.len() + exec.cwd.len() + exec.filename.len();
        let arguments: usize = exec.argv.iter().map(String::len).sum();
        assert!(
            text + arguments <= 3 * bytes.len() + 64,
            "{} bytes",
            bytes.len()
        );
    }
    let _ = format!("{event:?}");
}

fuzz_target!(|data: &[u8]| {
    check(data);
    // The kind in the first byte, so that every decoder is reached.
    let [kind, rest @ ..] = data else { return };
    let mut record = (u32::from(*kind) % 13).to_le_bytes().to_vec();
    record.extend_from_slice(&(data.len() as u32).to_le_bytes());
    record.extend_from_slice(&[0; 8]);
    record.extend_from_slice(rest);
    check(&record);
    record.resize(record.len() + 1024, 0);
    check(&record);
});
