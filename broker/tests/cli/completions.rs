//! `ottla completions`: each shell gets a script that names every command.

use crate::node::ottla;

#[test]
fn every_shell_gets_a_script() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = ottla().args(["completions", shell]).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}");
        let script = String::from_utf8(output.stdout).unwrap();
        for word in ["topic", "describe", "completions", "random-uuid", "if-not-exists"] {
            assert!(script.contains(word), "{word} for {shell}");
        }
    }
}

#[test]
fn another_shell_is_refused() {
    let output = ottla().args(["completions", "tcsh"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("possible values: bash, elvish, fish, powershell, zsh"), "{said}");
}
