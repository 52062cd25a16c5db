//! A shortage of file descriptors passes: what failed for want of them is done once there are some.

use std::process::Command;

use sim::{NewIssue, Options};

use crate::world::World;

/// Bounds the files that a running process may have open.
fn bound(pid: u32, files: usize) {
    let bounds = format!("--nofile={files}:");
    let set = Command::new("prlimit").args(["--pid", &pid.to_string(), &bounds]).status().unwrap();
    assert!(set.success());
}

fn open_files(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_comes_back_after_a_shortage_of_file_descriptors() {
    let options = Options { issues: 0, ..Options::default() };
    let env = [("JIRALAKE_ATTACHMENTS_EVERY_MS", "50"), ("JIRALAKE_SWEEP_EVERY_MS", "200")];
    let world = World::with(options, &env).await;
    let pid = world.pid();
    for round in 0..4_usize {
        let failures = || world.log().matches("Too many open files").count();
        let before = failures();
        // One more each time than before: other things fail first.
        bound(pid, open_files(pid).saturating_sub(2) + round);
        for n in 0..6 {
            world.sim.site().create(NewIssue::new("SUPPORT", &format!("{round}.{n}"))).unwrap();
        }
        world.until("something failed for want of files", async || failures() > before + 3).await;
        bound(pid, 1024);
        for key in world.sim.site().keys() {
            world.sim.site().announce(&key).unwrap();
        }
        world.quiet().await;
        assert_eq!(world.table("issues").len(), (round + 1) * 6);
    }
    assert_eq!(world.pid(), pid);
    assert!(!world.log().contains("panicked"), "{}", world.log());
    world.ends_well().await;
}
