//! Requirements against the tools: whether a version satisfies one, a line each.

use super::{ENOUGH, PAIRS, Pair, ask, generate, wanted};
use rampart_vuln::version::range::{Dialect, parse};
use std::cmp::Ordering;

/// `requirement \t version` in, 1 or 0 out.
fn judge(dialect: Dialect, tool: &str, pairs: &[Pair], answers: &[Option<Ordering>]) {
    let (mut compared, mut held, mut wrong) = (0, 0, Vec::new());
    for ((text, version), answer) in pairs.iter().zip(answers) {
        let Some(answer) = answer else { continue };
        compared += 1;
        held += usize::from(answer.is_gt());
        let got = parse(dialect, text).and_then(|set| Ok(set.contains(version)?));
        if got != Ok(answer.is_gt()) {
            wrong.push(format!(
                "{version} in '{text}': {tool} says {answer:?}, we {got:?}"
            ));
        }
    }
    println!(
        "{dialect:?} requirements against {tool}: {compared} compared, {held} hold, {} wrong",
        wrong.len()
    );
    wrong.truncate(40);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared >= ENOUGH, "only {compared} compared");
}

#[test]
fn npm_ranges_agree_with_node_semver() {
    if !wanted() {
        return;
    }
    let script = "const p=require('path').join(require('child_process').execSync('npm root -g')\
        .toString().trim(),'npm/node_modules/semver');const s=require(p);\
        const o=require('fs').readFileSync(0,'utf8').split('\\n').filter(l=>l).map(l=>{\
        const [r,v]=l.split('\\t');if(s.validRange(r)===null||!s.valid(v))return 'no';\
        return s.satisfies(v,r,{includePrerelease:true})?1:0});console.log(o.join('\\n'))";
    let pairs = generate::requirements(Dialect::Npm, PAIRS);
    if let Some(answers) = ask("node", &["-e", script], &pairs) {
        judge(Dialect::Npm, "node-semver", &pairs, &answers);
    }
}

#[test]
fn specifiers_agree_with_packaging() {
    if !wanted() {
        return;
    }
    let script = "import sys\nfrom packaging.specifiers import SpecifierSet as S\nfor l in \
        sys.stdin:\n try:\n  r,v=l.rstrip('\\n').split('\\t')\n  \
        print(int(S(r).contains(v,prereleases=True)))\n except Exception:\n  print('no')";
    let pairs = generate::requirements(Dialect::Pep440, PAIRS);
    if let Some(answers) = ask("python3", &["-c", script], &pairs) {
        judge(Dialect::Pep440, "packaging", &pairs, &answers);
    }
}

#[test]
fn gem_requirements_agree_with_rubygems() {
    if !wanted() {
        return;
    }
    let script = "STDIN.each_line{|l|r,v=l.chomp.split(\"\\t\");o=(Gem::Requirement\
        .new(*r.split(',')).satisfied_by?(Gem::Version.new(v)) ? 1 : 0) rescue 'no';puts o}";
    let pairs = generate::requirements(Dialect::Gem, PAIRS);
    if let Some(answers) = ask("ruby", &["-e", script], &pairs) {
        judge(Dialect::Gem, "Gem::Requirement", &pairs, &answers);
    }
}
