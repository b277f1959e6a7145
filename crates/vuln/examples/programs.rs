//! What the analyzers tell of given files, and how fast: `programs [--bench] FILE...`.
//!
//! With `--bench`, the files are held in memory and read five times over, and the processor's time
//! counts; without, each is read in pieces, as a layer brings it.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use rampart_vuln::analyze::{ALL, FileFacts, FileMeta, HEAD_BYTES};
use std::{io::Read, path::Path};

fn analyze(path: &str, size: u64, mut source: impl Read, buffer: &mut [u8]) -> FileFacts {
    let file = FileMeta {
        path: path.trim_start_matches('/').to_owned(),
        size,
        mode: 0o755,
        ..FileMeta::default()
    };
    let mut facts = FileFacts {
        path: file.path.clone(),
        ..FileFacts::default()
    };
    let mut head = Vec::new();
    source
        .by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)
        .unwrap();
    let wanted = ALL.iter().filter(|analyzer| analyzer.wants(&file));
    let mut sinks: Vec<_> = wanted.filter_map(|a| a.open(&file, &head)).collect();
    if sinks.is_empty() {
        return facts;
    }
    sinks.iter_mut().for_each(|sink| sink.chunk(&head));
    loop {
        let length = source.read(buffer).unwrap();
        if length == 0 {
            break;
        }
        sinks
            .iter_mut()
            .for_each(|sink| sink.chunk(&buffer[..length]));
    }
    sinks
        .into_iter()
        .for_each(|sink| sink.finish(false, &mut facts));
    facts
}

/// Of this thread, on a machine that others use too.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds: f64 = text.split(' ').next().unwrap().parse().unwrap();
    nanoseconds / 1e9
}

fn main() {
    let mut paths: Vec<String> = std::env::args().skip(1).collect();
    let bench = paths.first().is_some_and(|word| word == "--bench");
    paths.retain(|path| path != "--bench" && Path::new(path).is_file());
    let mut buffer = vec![0; 256 << 10];
    if bench {
        let files: Vec<(String, Vec<u8>)> = paths
            .into_iter()
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect();
        let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        for _ in 0..5 {
            let start = processor_seconds();
            for (path, bytes) in &files {
                analyze(path, bytes.len() as u64, bytes.as_slice(), &mut buffer);
            }
            let seconds = processor_seconds() - start;
            println!(
                "{} files, {bytes} bytes, {seconds:.3} CPU-s, {:.2} GB/s",
                files.len(),
                bytes as f64 / seconds / 1e9
            );
        }
        return;
    }
    for path in paths {
        let file = std::fs::File::open(&path).unwrap();
        let size = file.metadata().unwrap().len();
        let facts = analyze(&path, size, file, &mut buffer);
        for package in facts.packages {
            println!(
                "{path}\t{}\t{}\t{}\t{}{}",
                package.kind,
                package.name,
                package.version,
                package.inner_path,
                if package.dev { "\tdev" } else { "" }
            );
        }
        for problem in facts.problems {
            println!("{path}\tPROBLEM\t{}", problem.reason);
        }
    }
}
