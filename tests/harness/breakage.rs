//! Ways to break a server, each healed when its guard is dropped, so that a test that fails leaves the servers
//! running for the next one.

use crate::servers::Servers;
use rustix::process::{Pid, Signal, kill_process};
use std::time::{Duration, Instant};

/// A server that is down.
#[derive(Debug)]
pub struct Down {
    servers: Servers,
    server: &'static str,
    up: bool,
}

impl Down {
    /// Starts it again; returns when it was ready.
    pub fn up(mut self) -> Instant {
        self.servers.run("start", self.server);
        self.up = true;
        Instant::now()
    }
}

impl Drop for Down {
    fn drop(&mut self) {
        if !self.up {
            healed(self.servers.attempt("start", self.server));
        }
    }
}

/// A server that is stopped in its tracks with all its children, its connections open.
#[derive(Debug)]
pub struct Frozen(Vec<Pid>);

impl Frozen {
    /// Lets it run on once it was frozen for this long in all.
    pub async fn thaw_after(self, since: Instant, long: Duration) {
        tokio::time::sleep_until((since + long).into()).await;
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for pid in &self.0 {
            let _ = kill_process(*pid, Signal::CONT);
        }
    }
}

/// A broker that takes no messages, since it thinks that its memory or its disk is full; with what heals it.
#[derive(Debug)]
pub struct Blocked(Servers, &'static [&'static str]);

impl Drop for Blocked {
    fn drop(&mut self) {
        healed(self.0.attempt_rabbitmqctl(self.1));
    }
}

/// Of a healing at the end of a test: one that fails already goes on to fail, since a second panic would end the
/// process on the spot and leave ours running.
fn healed(outcome: Result<String, String>) {
    if let Err(told) = outcome
        && !std::thread::panicking()
    {
        panic!("{told}");
    }
}

impl Servers {
    /// Stops a server in good order.
    #[must_use]
    pub fn stop(&self, server: &'static str) -> Down {
        self.take_down("stop", server)
    }

    /// Kills a server and its children with -9.
    #[must_use]
    pub fn kill(&self, server: &'static str) -> Down {
        self.take_down("kill", server)
    }

    /// Takes a server down by a command of the servers' script.
    #[must_use]
    pub fn take_down(&self, command: &str, server: &'static str) -> Down {
        let down = Down { servers: self.clone(), server, up: false };
        self.run(command, server);
        down
    }

    /// Freezes a server with its children.
    ///
    /// # Panics
    /// It can't be signalled.
    #[must_use]
    pub fn freeze(&self, server: &str) -> Frozen {
        let parent = self.pid(server);
        let mut frozen = Frozen(Vec::new());
        // The parent first: then there will be no more children.
        frozen.stop(parent);
        for child in children_of(parent) {
            frozen.stop(child);
        }
        frozen
    }

    /// Raises the broker's memory alarm: from now on it takes no messages.
    #[must_use]
    pub fn block_broker(&self) -> Blocked {
        let blocked = Blocked(self.clone(), &["set_vm_memory_high_watermark", "absolute", "512MB"]);
        self.rabbitmqctl(&["set_vm_memory_high_watermark", "0.00001"]);
        blocked
    }

    /// Raises the broker's disk alarm: from now on it takes no messages.
    #[must_use]
    pub fn fill_the_brokers_disk(&self) -> Blocked {
        let blocked = Blocked(self.clone(), &["set_disk_free_limit", "64MB"]);
        self.rabbitmqctl(&["set_disk_free_limit", "1000000GB"]);
        blocked
    }

    /// Kills the broker and deletes all its data, and starts it again as on its first day.
    pub fn wipe_broker(&self) {
        let down = self.kill("rabbitmq");
        let data = self.folder().join("rabbitmq/data");
        std::fs::remove_dir_all(&data).and_then(|()| std::fs::create_dir(&data)).expect("the broker's data");
        down.up();
    }

    /// Deletes the broker's virtual host and makes an empty one: queues, messages and bindings are gone, its users stay.
    pub fn delete_vhost(&self) {
        self.rabbitmqctl(&["delete_vhost", "/"]);
        self.rabbitmqctl(&["add_vhost", "/"]);
        let user = self.value("RABBITMQ_USER");
        self.rabbitmqctl(&["set_permissions", "-p", "/", user, ".*", ".*", ".*"]);
    }

    fn pid(&self, server: &str) -> Pid {
        let name = format!("{}_PID", server.to_uppercase());
        let told = self.status(server);
        let pid = told.get(&name).and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
        pid.unwrap_or_else(|| panic!("{server} has no process: {told:?}"))
    }
}

impl Frozen {
    fn stop(&mut self, pid: Pid) {
        // Noted first: whatever was stopped must run again.
        self.0.push(pid);
        let _ = kill_process(pid, Signal::STOP);
    }
}

fn children_of(parent: Pid) -> Vec<Pid> {
    let parent = parent.as_raw_pid().to_string();
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_child = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name in parentheses may hold anything: state and parent come behind it.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        fields.split_whitespace().nth(1) == Some(parent.as_str())
    };
    pids.filter(is_child).filter_map(Pid::from_raw).collect()
}
