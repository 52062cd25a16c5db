//! A full disk ends nothing: the start waits for space, deliveries are asked to come again, and all
//! goes on by itself once there is some. The disks are real (`tmpfs` of a few MB); where none can be
//! mounted, a story is skipped and says so.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use sim::NewIssue;

use crate::signing::sign;
use crate::world::{SECRET, World};

/// A small disk, mounted until it is dropped.
pub(crate) struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts an empty disk over `folder`; `None`, and a word about it, where that is not allowed.
    pub(crate) fn mount(folder: &Path, options: &str) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let options = format!("mode=0770,{options}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(folder)
            .output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: a tmpfs cannot be mounted here");
            return None;
        }
        Some(Self { folder: folder.to_owned() })
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }

    /// Fills the disk but for about `left` bytes.
    pub(crate) fn fill(&self, left: u64) {
        let mut filler = File::create(self.filler()).unwrap();
        while filler.write_all(&[b'x'; 1024]).is_ok() {}
        let full = filler.metadata().unwrap().len();
        filler.set_len(full.saturating_sub(left)).unwrap();
    }

    /// Makes room again.
    pub(crate) fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let mounted = Command::new("mount").args(["-o", &options]).arg(&self.folder).status();
        assert!(mounted.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(&self.folder).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "cannot unmount");
    }
}

/// The status of `/readyz`, and its body.
async fn readiness(world: &World) -> (u16, String) {
    let url = format!("http://{}/readyz", world.address());
    let answer = world.http.get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// The status of a signed delivery without an issue, and whether it says when to come again.
async fn deliver(world: &World) -> (u16, bool) {
    let body = br#"{"webhookEvent":"jiralake_story","timestamp":1}"#;
    let url = format!("http://{}/webhooks/jira", world.address());
    let request = world.http.post(url).header("X-Hub-Signature", sign(SECRET, body));
    let answer = request.body(body.to_vec()).send().await.unwrap();
    (answer.status().as_u16(), answer.headers().contains_key("retry-after"))
}

/// Waits until a new issue is in the tables.
async fn goes_on(world: &World) {
    world.until("it is ready", async || readiness(world).await.0 == 200).await;
    let key = world.sim.site().create(NewIssue::new("SUPPORT", "After the flood")).unwrap().key;
    world
        .until("its row is visible", async || {
            world.parquet().join("issues").is_dir() && !world.rows_of("issues", &key).is_empty()
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_on_a_full_disk_waits_and_goes_on_by_itself() {
    let mut world = World::new().await;
    world.stop().await;
    let data = world.dir.path().join("data");
    // The more is left, the later the start meets the end of the disk: no file, the lock, the
    // ledger, its log, its tables, the field catalogue, the tables.
    for left in [0, 4, 8, 36, 72, 150, 300, 500] {
        let Some(disk) = SmallDisk::mount(&data, "size=4m") else { return };
        disk.fill(left * 1024);
        world.start().await;
        if left == 0 {
            let (status, body) = readiness(&world).await;
            assert_eq!(status, 503, "{body}");
            assert!(body.contains("no space left"), "{body}");
            assert_eq!(deliver(&world).await, (503, true));
        }
        // What was taken before it was full is taken; nothing else may be answered.
        let (status, again) = deliver(&world).await;
        assert!(status == 200 || (status == 503 && again), "{left} KiB left: {status}");
        disk.free();
        goes_on(&world).await;
        assert_eq!(deliver(&world).await.0, 200, "{left} KiB left");
        world.stop().await;
        drop(disk);
    }
    let log = world.log();
    assert!(log.contains("no space left on the disk"), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_room_for_names_is_a_full_disk() {
    let mut world = World::new().await;
    world.stop().await;
    let data = world.dir.path().join("data");
    // One name is the disk's own folder. Each further one lets the start come a little further.
    for names in [1, 2, 3, 4, 6] {
        let Some(disk) = SmallDisk::mount(&data, &format!("size=8m,nr_inodes={names}")) else {
            return;
        };
        world.start().await;
        let (status, again) = deliver(&world).await;
        assert!(status == 200 || (status == 503 && again), "{names} names: {status}");
        disk.remount("nr_inodes=10000");
        goes_on(&world).await;
        world.stop().await;
        drop(disk);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_obeyed_while_the_start_waits_for_space() {
    let mut world = World::new().await;
    world.stop().await;
    let Some(disk) = SmallDisk::mount(&world.dir.path().join("data"), "size=2m") else { return };
    disk.fill(0);
    world.start().await;
    assert_eq!(readiness(&world).await.0, 503);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_under_a_running_serve_holds_it_and_loses_nothing() {
    let mut world = World::new().await;
    world.stop().await;
    let Some(disk) = SmallDisk::mount(&world.dir.path().join("data"), "size=8m") else { return };
    world.start().await;
    goes_on(&world).await;
    for round in 0..3 {
        disk.fill(0);
        let keys = (0..3).map(|n| {
            let text = format!("Round {round}, issue {n}: {}", "x".repeat(20_000));
            world.sim.site().create(NewIssue::new("SUPPORT", &text)).unwrap().key
        });
        let keys = keys.collect::<Vec<_>>();
        // The log of the ledger has some room of its own; then there is none.
        world.until("a delivery is refused", async || deliver(&world).await == (503, true)).await;
        disk.free();
        world.until("deliveries are taken", async || deliver(&world).await.0 == 200).await;
        // The simulated Jira may have given up meanwhile.
        keys.iter().for_each(|key| world.sim.site().announce(key).unwrap());
        for key in &keys {
            let is_there = async || !world.rows_of("issues", key).is_empty();
            world.until("its row is visible", is_there).await;
        }
    }
    world.ends_well().await;
    drop(disk);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_the_lake_alone_holds_the_loop_and_no_delivery() {
    let mut world = World::new().await;
    world.stop().await;
    let Some(disk) = SmallDisk::mount(&world.dir.path().join("data"), "size=8m") else { return };
    world.set("JIRALAKE_STORAGE_LEDGER", "elsewhere/ledger.db");
    world.start().await;
    goes_on(&world).await;
    disk.fill(0);
    let key = world.sim.site().create(NewIssue::new("SUPPORT", "Held")).unwrap().key;
    world.until("the loop has failed", async || world.log().contains("No space left")).await;
    assert_eq!(deliver(&world).await.0, 200);
    // A start in this state waits as well: it is the lake that cannot be opened.
    world.stop().await;
    std::fs::remove_file(world.parquet().join("views.sql")).unwrap();
    disk.fill(0);
    world.start().await;
    assert_eq!(deliver(&world).await.0, 200);
    world.until("the loop waits", async || world.log().contains("the loop waits")).await;
    disk.free();
    world.until("its row is visible", async || !world.rows_of("issues", &key).is_empty()).await;
    world.ends_well().await;
    drop(disk);
}
