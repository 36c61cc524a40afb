//! A wire between us and a server that a test can freeze, as a network that has lost its way does.

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// The wire; its connections end when it is dropped.
#[derive(Debug)]
pub struct Wire {
    /// Where it begins: what goes to this address goes to the server.
    pub address: String,
    frozen: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Wire {
    /// A wire to a server, `HOST:PORT`.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let (frozen, flow) = watch::channel(false);
        let server = server.to_owned();
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, server.clone(), flow.clone()));
            }
        });
        Self { address, frozen, serving }
    }

    /// From now on nothing comes through, in either direction, and no connection ends.
    pub fn freeze(&self) {
        self.frozen.send_replace(true);
    }

    /// What was held up comes through, and everything after it.
    pub fn thaw(&self) {
        self.frozen.send_replace(false);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn forward(client: TcpStream, server: String, flow: watch::Receiver<bool>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let there = copy(from_client, to_server, flow.clone());
    let back = copy(from_server, to_client, flow);
    // A connection that breaks off is for both ends to notice.
    let _ = tokio::join!(there, back);
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut flow: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).await?;
        // The wire is gone: so are its connections.
        if flow.wait_for(|frozen| !frozen).await.is_err() {
            return Ok(());
        }
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}
