//! What libbpf says while programs are loaded: goes to the log, and names the program that was
//! refused with the verifier's last lines. At most [`MAX_LINES`] lines of [`MAX_LINE`] bytes are
//! kept.

use libbpf_rs::PrintLevel;
use std::{cell::RefCell, collections::VecDeque};

const MAX_LINES: usize = 12;
const MAX_LINE: usize = 200;

/// The program a kernel did not take, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) program: Option<String>,
    /// What libbpf said itself.
    said: String,
    /// The end of the verifier's log.
    lines: VecDeque<String>,
}

thread_local! {
    /// libbpf reports on the thread that loads, to a plain function.
    static HEARD: RefCell<Option<Refusal>> = const { RefCell::new(None) };
}

/// libbpf's own messages go to the log, not to standard error.
pub(crate) fn quiet() {
    libbpf_rs::set_print(Some((PrintLevel::Debug, hear)));
}

/// Runs `load` and returns with its outcome what libbpf said about a refusal.
pub(crate) fn listen<T>(load: impl FnOnce() -> T) -> (T, Refusal) {
    quiet();
    HEARD.set(Some(Refusal::default()));
    let outcome = load();
    (outcome, HEARD.take().unwrap_or_default())
}

fn hear(level: PrintLevel, text: String) {
    let text = text.trim_end();
    if level != PrintLevel::Warn {
        tracing::trace!(target: "libbpf", "{text}");
        return;
    }
    tracing::debug!(target: "libbpf", "{}", tail(text));
    HEARD.with_borrow_mut(|heard| {
        if let Some(refusal) = heard {
            refusal.add(text);
        }
    });
}

impl Refusal {
    fn add(&mut self, text: &str) {
        let named = text
            .strip_prefix("libbpf: ")
            .unwrap_or(text)
            .strip_prefix("prog '")
            .and_then(|rest| rest.split_once('\''));
        let Some((program, rest)) = named else {
            return;
        };
        if let Some((_, log)) = rest.split_once("-- BEGIN PROG LOAD LOG --\n") {
            for line in log.lines().filter(|l| !is_noise(l)) {
                if self.lines.len() == MAX_LINES {
                    self.lines.pop_front();
                }
                self.lines.push_back(cut(line).to_owned());
            }
        } else if rest.starts_with(": failed to load") {
            // The last word about the program that ended the load.
            self.program = Some(program.to_owned());
        } else {
            let said = rest.strip_prefix(": ").unwrap_or(rest);
            cut(said).clone_into(&mut self.said);
        }
    }

    /// The verifier's verdict, its last line that says something; libbpf's word where it did not
    /// come to that.
    pub(crate) fn reason(&self) -> &str {
        self.lines.back().unwrap_or(&self.said)
    }

    /// Everything that is kept, on one line.
    pub(crate) fn detail(&self) -> String {
        let said = std::iter::once(&self.said);
        let parts: Vec<&str> = said.chain(&self.lines).map(|l| l.trim()).collect();
        parts.join(" | ")
    }
}

/// Framing and statistics.
fn is_noise(line: &str) -> bool {
    let line = line.trim();
    line.is_empty()
        || line.starts_with("-- END PROG LOAD LOG")
        || line.starts_with("processed ")
        || line.starts_with("verification time ")
        || line.starts_with("stack depth ")
}

/// The last lines of a text that may be megabytes long.
fn tail(text: &str) -> &str {
    text.rmatch_indices('\n')
        .nth(2 * MAX_LINES)
        .map_or(text, |(at, _)| &text[at + 1..])
}

fn cut(line: &str) -> &str {
    let end = (0..=MAX_LINE.min(line.len()))
        .rev()
        .find(|at| line.is_char_boundary(*at));
    &line[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_program_and_the_reason() {
        let mut refusal = Refusal::default();
        refusal.add("libbpf: prog 'on_exec': BPF program load failed: -EACCES");
        refusal.add(
            "libbpf: prog 'on_exec': -- BEGIN PROG LOAD LOG --\n0: R1=ctx()\n\
             12: (85) call bpf_d_path#147\nR1 type=scalar expected=ptr_\n\
             processed 13 insns (limit 1000000) max_states_per_insn 0\n\
             -- END PROG LOAD LOG --",
        );
        refusal.add("libbpf: prog 'on_exec': failed to load: -EACCES");
        refusal.add("libbpf: failed to load object ''");
        assert_eq!(refusal.program.as_deref(), Some("on_exec"));
        assert_eq!(refusal.reason(), "R1 type=scalar expected=ptr_");
        assert_eq!(
            refusal.detail(),
            "BPF program load failed: -EACCES | 0: R1=ctx() | 12: (85) call bpf_d_path#147 | R1 type=scalar expected=ptr_"
        );
    }

    #[test]
    fn a_program_may_fail_before_the_verifier() {
        let mut refusal = Refusal::default();
        refusal.add("libbpf: prog 'on_x': failed to find kernel BTF type ID of 'x': -ESRCH");
        refusal.add("libbpf: prog 'on_x': failed to load: -ESRCH");
        assert_eq!(refusal.program.as_deref(), Some("on_x"));
        assert_eq!(
            refusal.reason(),
            "failed to find kernel BTF type ID of 'x': -ESRCH"
        );
    }

    #[test]
    fn a_flood_is_bounded() {
        let mut refusal = Refusal::default();
        let line = "ä".repeat(100_000);
        let log = format!("{line}\n").repeat(20);
        refusal.add(&format!(
            "libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n{log}"
        ));
        assert!(refusal.detail().len() <= (MAX_LINES + 1) * (MAX_LINE + 3));
        assert_eq!(tail(&"l\n".repeat(100_000)).lines().count(), 2 * MAX_LINES);
        assert_eq!(refusal.program, None);
    }
}
