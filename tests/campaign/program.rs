//! A supervised `serve`: started again when it ends by itself, as systemd or an orchestrator would.
//!
//! It is also the watchdog of the unit file: a process that has said that it is ready and then stays
//! silent is killed. Restarts are counted and bounded. Exit code 2 ends the supervision, as it does in the unit file:
//! then only a person can help.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// A process that ends by itself more often than this needs a person.
pub(crate) const MOST_RESTARTS: u32 = 30;

/// The longest silence of a process that is ready; 60 s in the unit file.
const WATCHDOG: Duration = Duration::from_secs(6);

const SIGKILL: i32 = 9;

/// The longest time from SIGTERM to the end.
const STOP: Duration = Duration::from_secs(15);

/// What the supervisor saw.
#[derive(Debug, Default, Clone)]
pub(crate) struct Lives {
    /// How often the process ended by itself.
    pub(crate) deaths: u32,
    /// How often the watchdog killed it.
    pub(crate) silences: u32,
    /// How often the campaign killed it.
    pub(crate) kills: u32,
    /// Exits that the supervisor does not answer with a restart, in words.
    pub(crate) given_up: Option<String>,
    /// Whether the process died of a signal while it stopped: a kill of the shim at that moment.
    pub(crate) killed_at_stop: bool,
    /// A stop that was not clean, in words.
    pub(crate) bad_stop: Option<String>,
}

enum Order {
    /// Kill the process and start the next one.
    Kill,
    /// Kill the process and end.
    Abandon,
    /// Ask the process to stop, and end.
    Stop,
}

/// A running supervisor.
#[derive(Debug)]
pub(crate) struct Program {
    orders: mpsc::Sender<Order>,
    task: JoinHandle<()>,
    lives: Arc<Mutex<Lives>>,
}

/// What a supervisor starts: the first life may carry faults of the shim, later lives do not.
pub(crate) struct Launch {
    pub(crate) first: Command,
    pub(crate) later: Command,
    pub(crate) log: PathBuf,
    /// Where the process says that it is ready and alive.
    pub(crate) socket: PathBuf,
}

impl Program {
    pub(crate) fn start(launch: Launch) -> Self {
        let (orders, received) = mpsc::channel(4);
        let lives = Arc::new(Mutex::new(Lives::default()));
        let task = tokio::spawn(supervise(launch, received, Arc::clone(&lives)));
        Self { orders, task, lives }
    }

    pub(crate) fn lives(&self) -> Lives {
        self.lives.lock().unwrap().clone()
    }

    /// Kills the present process; the supervisor starts the next one.
    pub(crate) async fn kill(&self) {
        // A supervisor that has given up takes no orders, which its lives say.
        drop(self.orders.send(Order::Kill).await);
    }

    /// Kills the process and does not start another one.
    pub(crate) async fn abandon(self) -> Lives {
        drop(self.orders.send(Order::Abandon).await);
        self.task.await.unwrap();
        self.lives.lock().unwrap().clone()
    }

    /// Stops the process with SIGTERM and waits for its end.
    pub(crate) async fn stop(self) -> Lives {
        drop(self.orders.send(Order::Stop).await);
        self.task.await.unwrap();
        self.lives.lock().unwrap().clone()
    }
}

async fn supervise(
    mut launch: Launch,
    mut orders: mpsc::Receiver<Order>,
    lives: Arc<Mutex<Lives>>,
) {
    let mut first = true;
    drop(std::fs::remove_file(&launch.socket));
    let said = UnixDatagram::bind(&launch.socket).unwrap();
    loop {
        let command = if first { &mut launch.first } else { &mut launch.later };
        first = false;
        command.env("NOTIFY_SOCKET", &launch.socket);
        command.env("WATCHDOG_USEC", WATCHDOG.as_micros().to_string());
        let mut child = spawn(command, &launch.log);
        tokio::select! {
            () = silence(&said) => {
                child.kill().await.unwrap();
                let mut lives = lives.lock().unwrap();
                lives.silences += 1;
                if lives.silences > MOST_RESTARTS {
                    lives.given_up = Some("it was silent too often".to_owned());
                    return;
                }
            }
            ended = child.wait() => {
                let ended = ended.unwrap();
                let mut lives = lives.lock().unwrap();
                if ended.code() == Some(2) {
                    lives.given_up = Some("it ended with exit code 2".to_owned());
                    return;
                }
                lives.deaths += 1;
                if lives.deaths > MOST_RESTARTS {
                    lives.given_up = Some(format!("it ended {} times, last with {ended}", lives.deaths));
                    return;
                }
            }
            order = orders.recv() => match order {
                Some(Order::Kill) => {
                    child.kill().await.unwrap();
                    lives.lock().unwrap().kills += 1;
                    continue;
                }
                Some(Order::Abandon) => {
                    child.kill().await.unwrap();
                    lives.lock().unwrap().kills += 1;
                    return;
                }
                Some(Order::Stop) | None => {
                    let ended = terminate(&mut child).await;
                    let mut lives = lives.lock().unwrap();
                    match ended {
                        Some(ended) if ended.success() => {}
                        Some(ended) if ended.signal() == Some(SIGKILL) => lives.killed_at_stop = true,
                        Some(ended) => lives.bad_stop = Some(ended.to_string()),
                        None => lives.bad_stop = Some("it did not end in time".to_owned()),
                    }
                    return;
                }
            },
        }
        let deaths = lives.lock().unwrap().deaths;
        sleep(Duration::from_millis(50 * u64::from(deaths.min(10)))).await;
    }
}

/// Resolves when a process that was ready has been silent for too long.
async fn silence(said: &UnixDatagram) {
    let mut ready = false;
    let mut message = [0; 1024];
    loop {
        let received = said.recv(&mut message);
        let read = if ready {
            match timeout(WATCHDOG, received).await {
                Ok(read) => read,
                Err(_elapsed) => return,
            }
        } else {
            received.await
        };
        let text = String::from_utf8_lossy(&message[..read.unwrap()]).into_owned();
        if text.contains("STOPPING=1") {
            return std::future::pending().await;
        }
        ready |= text.contains("READY=1");
    }
}

fn spawn(command: &mut Command, log: &PathBuf) -> Child {
    let log = File::options().create(true).append(true).open(log).unwrap();
    command.stderr(Stdio::from(log)).stdout(Stdio::null()).stdin(Stdio::null());
    command.kill_on_drop(true).spawn().unwrap()
}

/// Returns how the process ended after SIGTERM; nothing if it had to be killed.
async fn terminate(child: &mut Child) -> Option<ExitStatus> {
    if let Some(pid) = child.id() {
        Command::new("kill").args(["-TERM", &pid.to_string()]).status().await.unwrap();
    }
    match timeout(STOP, child.wait()).await {
        Ok(ended) => Some(ended.unwrap()),
        Err(_elapsed) => {
            child.kill().await.unwrap();
            None
        }
    }
}
