//! A relay of TCP connections that can be cut: the server sees its clients go, the clients hear nothing more. Or held: what is sent
//! arrives later.

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

pub struct Relay {
    /// `127.0.0.1:{port}`.
    pub address: String,
    open: watch::Sender<bool>,
    flowing: watch::Sender<bool>,
    _accepting: JoinSet<()>,
}

impl Relay {
    /// Stands before `upstream`, as `127.0.0.1:7233`.
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (open, gate) = watch::channel(true);
        let (flowing, flow) = watch::channel(true);
        let upstream = upstream.to_owned();
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut relays = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                relays.spawn(relay(client, upstream.clone(), gate.clone(), flow.clone()));
                while relays.try_join_next().is_some() {}
            }
        });
        Self { address, open, flowing, _accepting: accepting }
    }

    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Everything that is sent from now on stays here.
    pub fn hold(&self) {
        self.flowing.send_replace(false);
    }

    /// What was held arrives.
    pub fn release(&self) {
        self.flowing.send_replace(true);
    }

    /// Connections that were cut are closed; new ones pass.
    pub fn mend(&self) {
        self.open.send_replace(true);
    }
}

async fn relay(mut client: TcpStream, upstream: String, mut gate: watch::Receiver<bool>, flow: watch::Receiver<bool>) {
    let mut is_cut = gate.clone();
    let passing = async {
        if let Ok(mut server) = TcpStream::connect(upstream).await {
            let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
            tokio::select! {
                () = pump(from_client, to_server, flow.clone()) => {}
                () = pump(from_server, to_client, flow) => {}
            }
        }
    };
    tokio::select! {
        biased;
        _ = is_cut.wait_for(|open| !*open) => {}
        () = passing => return,
    }
    // whatever comes of it, nobody needs to know
    let _ = gate.wait_for(|open| *open).await;
}

/// An error is the end of the connection, like any other.
async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut flow: watch::Receiver<bool>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if flow.wait_for(|flowing| *flowing).await.is_err() || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
