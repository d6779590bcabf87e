//! Missing setup is reported by the compiler, not by a 500 at run time.

#[test]
fn a_router_without_a_guard_does_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile/missing_guard.rs");
    cases.compile_fail("tests/compile/missing_part.rs");
    cases.compile_fail("tests/compile/no_state_of_ones_own.rs");
}
