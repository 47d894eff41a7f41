//! nginx before the instances, as in production.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};

use super::cluster::{Cluster, free_address};

/// A running nginx, which is ended when dropped.
pub struct Nginx {
    pub address: SocketAddr,
    child: Option<Child>,
    folder: TempDir,
}

impl Nginx {
    /// Before all instances; `None` when it is not installed and nobody insists on it.
    pub async fn before(cluster: &Cluster, test: &str) -> Option<Self> {
        let insisted = std::env::var("CI").is_ok_and(|value| value == "true");
        if !Path::new("/usr/sbin/nginx").exists() {
            assert!(!insisted, "{test} needs nginx: apt-get install nginx");
            eprintln!("skipped: {test} (nginx is not installed: apt-get install nginx)");
            return None;
        }
        let folder = TempDir::new().expect("a folder");
        let address = free_address();
        let servers: String = cluster
            .instances
            .iter()
            .map(|instance| format!("server {} max_fails=1 fail_timeout=1s;\n", instance.address))
            .collect();
        let root = folder.path().display();
        let config = format!(
            "daemon off; master_process off; pid {root}/nginx.pid; error_log {root}/error.log;
             worker_rlimit_nofile 20000;
             events {{ worker_connections 18000; }}
             http {{
                 access_log off;
                 client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;
                 fastcgi_temp_path {root}/fastcgi; uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
                 upstream fanfare {{ least_conn; {servers} }}
                 server {{
                     listen {address} backlog=8192;
                     location / {{
                         proxy_pass http://fanfare;
                         proxy_http_version 1.1;
                         proxy_set_header Upgrade $http_upgrade;
                         proxy_set_header Connection upgrade;
                         proxy_set_header Host $host;
                         proxy_set_header X-Forwarded-For $remote_addr;
                         proxy_read_timeout 90s;
                         proxy_buffering off;
                     }}
                 }}
             }}"
        );
        std::fs::write(folder.path().join("nginx.conf"), config).expect("a file");
        let mut nginx = Self { address, child: None, folder };
        nginx.run().await;
        Some(nginx)
    }

    /// Starts it and waits until it listens.
    pub async fn run(&mut self) {
        let child = Command::new("/usr/sbin/nginx")
            .arg("-c")
            .arg(self.folder.path().join("nginx.conf"))
            .arg("-p")
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx");
        self.child = Some(child);
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(self.address).await.is_err() {
            assert!(Instant::now() < deadline, "nginx does not start");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends it at once: every connection through it is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.kill();
    }
}
