//! Counting what passed and what failed.

use std::ops::AddAssign;

/// How `cargo test` shows a test that needs a program or much time; a stage of its own runs the test.
const RUN_ELSEWHERE: &str = " ... ignored, needs ";

/// How many checks or tests passed and failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    /// One check.
    pub(crate) fn one(passed: bool) -> Self {
        Self {
            passed: u64::from(passed),
            failed: u64::from(!passed),
        }
    }

    /// Adds up the `test result:` lines that `cargo test` prints. An ignored test counts as failed, for it tests nothing,
    /// unless it is one that another stage runs.
    pub(crate) fn of_tests(output: &str) -> Self {
        let mut tally = Self::default();
        let mut elsewhere = 0;
        for line in output.lines() {
            if line.starts_with("test ") && line.contains(RUN_ELSEWHERE) {
                elsewhere += 1;
            }
            let Some((_, counts)) = line.split_once("test result: ") else {
                continue;
            };
            // `ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s`
            for (count, what) in counts.split(['.', ';']).filter_map(|part| part.trim().split_once(' ')) {
                let Ok(count) = count.parse::<u64>() else { continue };
                match what {
                    "passed" => tally.passed += count,
                    "failed" => tally.failed += count,
                    "ignored" => tally.failed += count.saturating_sub(elsewhere),
                    _ => {}
                }
            }
            elsewhere = 0;
        }
        tally
    }

    /// The tests of a run. When it failed though no test did (a test program that crashed, say), that is one failure.
    pub(crate) fn of_run(output: &str, succeeded: bool) -> Self {
        let mut tally = Self::of_tests(output);
        if !succeeded && tally.failed == 0 {
            tally.failed = 1;
        }
        tally
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
running 3 tests
test a ... ok
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.12s
     Running unittests src/lib.rs (target/debug/deps/x-0)
test result: FAILED. 48 passed; 2 failed; 1 ignored; 0 measured; 7 filtered out; finished in 10.00s
all doctests ran in 0.22s; merged doctests compilation took 0.20s
";

    #[test]
    fn every_test_program_is_counted() {
        assert_eq!(Tally::of_tests(OUTPUT), Tally { passed: 51, failed: 3 });
        assert_eq!(Tally::of_tests("error: could not compile"), Tally::default());
    }

    #[test]
    fn a_test_that_another_stage_runs_is_not_counted_here() {
        let output = "\
test a ... ignored, needs Prosody: cargo xtask test installs it and runs this
test b ... ignored
test result: ok. 0 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
";
        assert_eq!(Tally::of_tests(output), Tally { passed: 1, failed: 2 });
    }

    #[test]
    fn a_run_that_fails_without_a_failed_test_is_a_failure() {
        assert_eq!(Tally::of_run(OUTPUT, false), Tally { passed: 51, failed: 3 });
        assert_eq!(
            Tally::of_run("signal: 11, SIGSEGV", false),
            Tally { passed: 0, failed: 1 }
        );
        assert_eq!(Tally::of_run("", true), Tally::default());
    }
}
