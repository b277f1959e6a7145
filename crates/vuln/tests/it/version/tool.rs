//! Differential tests: generated pairs judged by us and by the ecosystem's own tool.
//!
//! They run when `RAMPART_VERSION_TOOLS` is set (`make conformance` sets it), each as far as its
//! tool is installed: perl with Dpkg and dpkg, rpm, node with npm, python3 with packaging, ruby,
//! java with Debian's libmaven3-core-java, php, pacman's libalpm. Pairs come from a fixed seed; each tool
//! gets them all in one process; a sample also goes to dpkg itself.

mod generate;
mod requirement;

use super::{setting, sign};
use generate::{Grammar, pairs};
use rampart_vuln::{
    advisory::{End, Interval},
    version::{Scheme, compare, is_affected},
};
use std::{
    cmp::Ordering,
    fmt::Write as _,
    io::Write as _,
    process::{Command, Stdio},
};

/// As many as leave [`ENOUGH`] after those that a strict tool refuses.
const PAIRS: usize = 24_000;
const ENOUGH: usize = 10_000;

type Pair = (String, String);

fn wanted() -> bool {
    let wanted = setting("RAMPART_VERSION_TOOLS").is_some();
    if !wanted {
        println!("skipped: RAMPART_VERSION_TOOLS is not set");
    }
    wanted
}

/// A tool's answers, a line a pair: -1, 0, 1, or anything else where it takes a version for none.
fn ask(program: &str, arguments: &[&str], pairs: &[Pair]) -> Option<Vec<Option<Ordering>>> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        println!("skipped: {program} is not installed");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    let mut input = String::new();
    for (a, b) in pairs {
        writeln!(input, "{a}\t{b}").unwrap();
    }
    let feeder = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let fed = feeder.join().unwrap();
    if !output.status.success() || fed.is_err() {
        println!("skipped: {program} with what the test needs is not installed");
        return None;
    }
    let answers: Vec<_> = String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .lines()
        .map(sign)
        .collect();
    assert_eq!(answers.len(), pairs.len(), "{program} left pairs out");
    Some(answers)
}

/// Fails with the pairs judged otherwise, unless `explained` says why that is right.
fn judge(
    scheme: Scheme,
    tool: &str,
    pairs: &[Pair],
    answers: &[Option<Ordering>],
    explained: impl Fn(&str, &str) -> Option<&'static str>,
) {
    let (mut compared, mut refused, mut apart, mut wrong) = (0, 0, 0, Vec::new());
    for ((a, b), answer) in pairs.iter().zip(answers) {
        let Some(expected) = answer else {
            refused += 1;
            continue;
        };
        compared += 1;
        let got = compare(scheme, a, b);
        if got.as_ref() == Ok(expected) {
            continue;
        }
        match explained(a, b) {
            Some(_) => apart += 1,
            None => wrong.push(format!("{a} {b}: {tool} says {expected:?}, we {got:?}")),
        }
    }
    println!(
        "{scheme} against {tool}: {compared} pairs compared, {} wrong, {apart} differences \
         explained, {refused} pairs the tool refused",
        wrong.len()
    );
    wrong.truncate(40);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared >= ENOUGH, "only {compared} pairs compared");
}

fn nothing(_: &str, _: &str) -> Option<&'static str> {
    None
}

#[test]
fn deb_agrees_with_dpkg() {
    if !wanted() {
        return;
    }
    let pairs = pairs(Grammar::Deb, PAIRS);
    let script = "while(<STDIN>){chomp;my($a,$b)=split/\\t/;\
        print((version_check($a))[0]&&(version_check($b))[0]?version_compare($a,$b):'no',\"\\n\")}";
    let Some(answers) = ask("perl", &["-MDpkg::Version", "-e", script], &pairs) else {
        return;
    };
    judge(Scheme::Deb, "Dpkg::Version", &pairs, &answers, nothing);
    // The C program has its own code: a sample of the same pairs through it.
    let valid = pairs
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| answer.is_some());
    let sample: Vec<_> = valid.map(|(pair, _)| pair).take(1_000).collect();
    for (a, b) in &sample {
        let ours = compare(Scheme::Deb, a, b).unwrap();
        let operator = match ours {
            Ordering::Less => "lt",
            Ordering::Equal => "eq",
            Ordering::Greater => "gt",
        };
        let status = Command::new("dpkg")
            .args(["--compare-versions", a, operator, b])
            .stderr(Stdio::null())
            .status();
        let Ok(status) = status else {
            println!("skipped: dpkg is not installed");
            return;
        };
        assert!(
            status.success(),
            "dpkg does not say that {a} {operator} {b}"
        );
    }
    println!("deb against dpkg itself: {} pairs", sample.len());
}

#[test]
fn rpm_agrees_with_rpm() {
    if !wanted() {
        return;
    }
    let pairs = pairs(Grammar::Rpm, PAIRS);
    let script = "%{lua: for line in io.lines() do local a, b = line:match('([^\\t]*)\\t(.*)'); \
                  print(rpm.vercmp(a, b) .. '\\n') end}";
    if let Some(answers) = ask("rpm", &["--eval", script], &pairs) {
        judge(Scheme::Rpm, "rpm", &pairs, &answers, nothing);
    }
}

/// Debian has no apk-tools: `RAMPART_APK_COMPARE` names a program that takes `A<tab>B` lines and
/// answers -1, 0 or 1 on each, around whatever comparison of apk's is at hand.
#[test]
fn apk_agrees_with_a_given_program() {
    let Some(program) = setting("RAMPART_APK_COMPARE") else {
        println!("skipped: RAMPART_APK_COMPARE is not set");
        return;
    };
    let pairs = pairs(Grammar::Apk, PAIRS);
    if let Some(answers) = ask(&program, &[], &pairs) {
        judge(Scheme::Apk, "the program", &pairs, &answers, |a, b| {
            let pair = [a, b];
            let odd = |text: &&str| {
                text.matches("-r").count() > 1 || !text.starts_with(|c: char| c.is_ascii_digit())
            };
            if pair.iter().any(odd) {
                return Some("no version: apk-tools 3 puts it first");
            }
            pair.iter()
                .any(|text| text.contains(".0"))
                .then_some("apk-tools 2 counts leading zeros, 3 compares such numbers as text")
        });
    }
}

#[test]
fn npm_agrees_with_node_semver() {
    if !wanted() {
        return;
    }
    let script = "const p=require('path').join(require('child_process').execSync('npm root -g')\
        .toString().trim(),'npm/node_modules/semver');const s=require(p);\
        const o=require('fs').readFileSync(0,'utf8').split('\\n').filter(l=>l).map(l=>{\
        const [a,b]=l.split('\\t');try{return s.compare(a,b)}catch(e){return 'no'}});\
        console.log(o.join('\\n'))";
    let pairs = pairs(Grammar::Semver, PAIRS);
    if let Some(answers) = ask("node", &["-e", script], &pairs) {
        judge(Scheme::Npm, "node-semver", &pairs, &answers, nothing);
        judge(Scheme::Semver, "node-semver", &pairs, &answers, nothing);
    }
}

#[test]
fn pep440_agrees_with_packaging() {
    if !wanted() {
        return;
    }
    let script = "import sys\nfrom packaging.version import Version as V\nfor l in sys.stdin:\n \
        try:\n  a,b=map(V,l.rstrip('\\n').split('\\t'));print((a>b)-(a<b))\n except Exception:\n  \
        print('no')";
    let pairs = pairs(Grammar::Pep440, PAIRS);
    if let Some(answers) = ask("python3", &["-c", script], &pairs) {
        judge(Scheme::Pep440, "packaging", &pairs, &answers, nothing);
    }
}

#[test]
fn gem_agrees_with_rubygems() {
    if !wanted() {
        return;
    }
    let script = "STDIN.each_line{|l|a,b=l.chomp.split(\"\\t\");\
        o=(Gem::Version.new(a)<=>Gem::Version.new(b)) rescue 'no';puts o}";
    let pairs = pairs(Grammar::Gem, PAIRS);
    if let Some(answers) = ask("ruby", &["-e", script], &pairs) {
        judge(Scheme::Gem, "Gem::Version", &pairs, &answers, nothing);
    }
}

#[test]
fn composer_agrees_with_php() {
    if !wanted() {
        return;
    }
    let script = "while(($l=fgets(STDIN))!==false){[$a,$b]=explode(\"\\t\",rtrim($l,\"\\n\"));\
        echo version_compare($a,$b),\"\\n\";}";
    let pairs = pairs(Grammar::Composer, PAIRS);
    if let Some(answers) = ask("php", &["-r", script], &pairs) {
        judge(
            Scheme::Composer,
            "version_compare",
            &pairs,
            &answers,
            |a, b| {
                let long = |text: &str| {
                    let digits = |run: &str| run.trim_start_matches('0').len() > 18;
                    text.split(|c: char| !c.is_ascii_digit()).any(digits)
                };
                (long(a) || long(b)).then_some("PHP's numbers end at 64 bits")
            },
        );
    }
}

/// Composer itself: it fills a version up to four numbers, then asks PHP's function. So do intervals.
#[test]
fn intervals_of_composer_agree_with_composer_semver() {
    if !wanted() {
        return;
    }
    let script = "require '/usr/share/php/Composer/Semver/autoload.php';\
        $p=new Composer\\Semver\\VersionParser;\
        while(($l=fgets(STDIN))!==false){[$a,$b]=explode(\"\\t\",rtrim($l,\"\\n\"));\
        try{echo version_compare($p->normalize($a),$p->normalize($b)),\"\\n\";}\
        catch(Exception $e){echo \"no\\n\";}}";
    let pairs = pairs(Grammar::Packagist, PAIRS);
    let Some(answers) = ask("php", &["-r", script], &pairs) else {
        return;
    };
    let (mut compared, mut wrong) = (0, Vec::new());
    for ((a, b), answer) in pairs.iter().zip(&answers) {
        let Some(expected) = answer else { continue };
        let holds = |end| {
            let introduced = String::new();
            is_affected(Scheme::Composer, &Interval { introduced, end }, a)
        };
        compared += 1;
        let got = (
            holds(End::Fixed(b.clone())),
            holds(End::LastAffected(b.clone())),
        );
        if got != (Ok(expected.is_lt()), Ok(expected.is_le())) {
            wrong.push(format!("{a} {b}: Composer says {expected:?}, we {got:?}"));
        }
    }
    println!(
        "intervals of composer against composer/semver: {compared} pairs, {} wrong",
        wrong.len()
    );
    wrong.truncate(40);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared >= ENOUGH, "only {compared} pairs compared");
}

#[test]
fn alpm_agrees_with_libalpm() {
    if !wanted() {
        return;
    }
    let script = "import ctypes,sys,ctypes.util\nf=ctypes.CDLL(ctypes.util.find_library('alpm') \
        or 'libalpm').alpm_pkg_vercmp\nfor l in sys.stdin:\n \
        a,b=l.rstrip('\\n').encode().split(b'\\t');print(f(a,b))";
    let pairs = pairs(Grammar::Alpm, PAIRS);
    let Some(answers) = ask("python3", &["-c", script], &pairs) else {
        return;
    };
    judge(Scheme::Alpm, "libalpm", &pairs, &answers, |a, b| {
        (a.contains('-') != b.contains('-'))
            .then_some("libalpm leaves the release out where one side has none: no order")
    });
}

const MAVEN: &str = r#"
import org.apache.maven.artifact.versioning.ComparableVersion;
import java.io.*;
public class Order {
    public static void main(String[] unused) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        StringBuilder out = new StringBuilder();
        for (String line; (line = in.readLine()) != null; ) {
            String[] pair = line.split("\t");
            int order = new ComparableVersion(pair[0]).compareTo(new ComparableVersion(pair[1]));
            out.append(Integer.signum(order)).append('\n');
        }
        System.out.print(out);
    }
}
"#;

#[test]
fn maven_agrees_with_comparable_version() {
    if !wanted() {
        return;
    }
    let directory = std::env::temp_dir().join(format!("rampart-maven-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let source = directory.join("Order.java");
    std::fs::write(&source, MAVEN).unwrap();
    let jars = "/usr/share/java/maven3-artifact.jar:/usr/share/java/maven-artifact-3.x.jar:\
                /usr/share/java/commons-lang3.jar";
    let pairs = pairs(Grammar::Maven, PAIRS);
    let answers = ask("java", &["-cp", jars, source.to_str().unwrap()], &pairs);
    std::fs::remove_dir_all(&directory).unwrap();
    if let Some(answers) = answers {
        judge(
            Scheme::Maven,
            "ComparableVersion",
            &pairs,
            &answers,
            known_of_maven,
        );
    }
}

/// Where we differ from Maven 3.8.7, and know it: see `version/maven.rs`.
fn known_of_maven(a: &str, b: &str) -> Option<&'static str> {
    if generate::qualifier_after_dot(a) || generate::qualifier_after_dot(b) {
        return Some("3.8.7 opens a list for some qualifiers after a dot");
    }
    // Against Maven's documentation, where `1-ga-1` is `1-1`.
    (generate::level_that_does_not_count(a) || generate::level_that_does_not_count(b))
        .then_some("3.8.7 keeps lists in which nothing counts")
}
