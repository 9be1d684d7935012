//! A relay of TCP connections that can be cut: the server sees its clients go, the clients hear nothing more.

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

pub struct Relay {
    /// `127.0.0.1:{port}`.
    pub address: String,
    open: watch::Sender<bool>,
    _accepting: JoinSet<()>,
}

impl Relay {
    /// Stands before `upstream`, as `127.0.0.1:7233`.
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (open, gate) = watch::channel(true);
        let upstream = upstream.to_owned();
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut relays = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                relays.spawn(relay(client, upstream.clone(), gate.clone()));
                while relays.try_join_next().is_some() {}
            }
        });
        Self { address, open, _accepting: accepting }
    }

    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Connections that were cut are closed; new ones pass.
    pub fn mend(&self) {
        self.open.send_replace(true);
    }
}

async fn relay(mut client: TcpStream, upstream: String, mut gate: watch::Receiver<bool>) {
    let mut is_cut = gate.clone();
    let passing = async {
        if let Ok(mut server) = TcpStream::connect(upstream).await {
            // an error is the end of the connection, like any other
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
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
