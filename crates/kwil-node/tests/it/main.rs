//! The example of embedding, run as its reader would run it.

use std::process::Command;

#[test]
fn an_embedded_node_makes_blocks_answers_and_stops_in_order() {
    let folder = tempfile::tempdir().unwrap();
    // The server runs as an unprivileged user that must be able to reach its folder.

    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711))
        .unwrap();
    let example =
        std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples/embed");
    let ran = Command::new(example).arg(folder.path().join("node")).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}{err}");
    assert!(out.starts_with("height ") && out.contains("healthy true"), "{out}{err}");
}
