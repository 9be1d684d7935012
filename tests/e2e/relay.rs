//! A relay of TCP connections that can be cut: the server sees its clients go, the clients hear nothing more. Or held: what is sent
//! after certain words arrives later.

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
    /// The words that are held.
    hold_at: watch::Sender<Option<String>>,
    /// Connections that wait with them.
    held: watch::Sender<usize>,
    _accepting: JoinSet<()>,
}

impl Relay {
    /// Stands before `upstream`, as `127.0.0.1:7233`.
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (open, gate) = watch::channel(true);
        let (hold_at, held) = (watch::Sender::new(None), watch::Sender::new(0));
        let valve = Valve { hold_at: hold_at.subscribe(), held: held.clone() };
        let upstream = upstream.to_owned();
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut relays = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                relays.spawn(relay(client, upstream.clone(), gate.clone(), valve.clone()));
                while relays.try_join_next().is_some() {}
            }
        });
        Self { address, open, hold_at, held, _accepting: accepting }
    }

    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    /// A client's connection on which `words` are sent stands still from there.
    pub fn hold_at(&self, words: &str) {
        self.hold_at.send_replace(Some(words.to_owned()));
    }

    /// Connections that stand still.
    pub fn held(&self) -> usize {
        *self.held.borrow()
    }

    /// What was held arrives.
    pub fn release(&self) {
        self.hold_at.send_replace(None);
    }

    /// Connections that were cut are closed; new ones pass.
    pub fn mend(&self) {
        self.open.send_replace(true);
    }
}

#[derive(Clone)]
struct Valve {
    hold_at: watch::Receiver<Option<String>>,
    held: watch::Sender<usize>,
}

impl Valve {
    async fn pass(&mut self, bytes: &[u8]) {
        let holds = |words: &Option<String>| {
            words.as_ref().is_some_and(|words| bytes.windows(words.len()).any(|window| window == words.as_bytes()))
        };
        if holds(&self.hold_at.borrow()) {
            self.held.send_modify(|held| *held += 1);
            // an error is the end of the test
            let _ = self.hold_at.wait_for(Option::is_none).await;
            self.held.send_modify(|held| *held -= 1);
        }
    }
}

async fn relay(mut client: TcpStream, upstream: String, mut gate: watch::Receiver<bool>, valve: Valve) {
    let mut is_cut = gate.clone();
    let passing = async {
        if let Ok(mut server) = TcpStream::connect(upstream).await {
            let ((from_client, mut to_client), (mut from_server, to_server)) = (client.split(), server.split());
            // an error is the end of the connection, like any other
            tokio::select! {
                () = pump(from_client, to_server, valve) => {}
                _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
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

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut valve: Valve) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        valve.pass(&buffer[..length]).await;
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
