//! An SMTP server that answers as it is told and keeps what it took.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use mailin::{Action, Handler, Response, SessionBuilder, response};

/// What the server does with the next message.
#[derive(Clone, Debug)]
pub enum Next {
    /// Refuses the recipient with a code.
    Recipient(u16),
    /// Refuses the message with a code, after it was sent.
    Message(u16),
    /// Takes it and is gone before it says so.
    Vanish,
}

#[derive(Default)]
struct State {
    next: VecDeque<Next>,
    /// Connections that were made.
    connections: usize,
    messages: Vec<String>,
}

pub struct MailServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
}

impl MailServer {
    /// On a free port of this machine. After `next` it takes everything.
    pub fn start(next: &[Next]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { next: next.iter().cloned().collect(), ..State::default() }));
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, stopped) = (state.clone(), stop.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                // a client that goes away ends its own session only
                if let Ok(stream) = stream {
                    let _ = session(stream, &shared);
                }
            }
        });
        Self { address, state, stop }
    }

    pub fn url(&self, query: &str) -> String {
        format!("smtp://{}{query}", self.address)
    }

    pub fn messages(&self) -> Vec<String> {
        lock(&self.state).messages.clone()
    }

    pub fn connections(&self) -> usize {
        lock(&self.state).connections
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // wakes the listener
        let _ = TcpStream::connect(self.address);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap()
}

fn session(stream: TcpStream, state: &Arc<Mutex<State>>) -> std::io::Result<()> {
    let mut writer = stream.try_clone()?;
    lock(state).connections += 1;
    let vanished = Arc::new(AtomicBool::new(false));
    let refused = Arc::new(AtomicBool::new(false));
    let taker = Taker { state: state.clone(), vanished: vanished.clone(), refused: refused.clone(), now: None, text: Vec::new() };
    let mut session = SessionBuilder::new("mail.example").build(IpAddr::V4(Ipv4Addr::LOCALHOST), taker);
    session.greeting().write_to(&mut writer)?;
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        let answer = session.process(&line);
        line.clear();
        if vanished.load(Ordering::Relaxed) {
            return Ok(());
        }
        if answer.action != Action::NoReply {
            answer.write_to(&mut writer)?;
            writer.flush()?;
        }
        // the state machine would take a goodbye after a refused message for more of it
        if answer.action == Action::Close || refused.load(Ordering::Relaxed) {
            return Ok(());
        }
    }
    Ok(())
}

/// One session's part in it.
struct Taker {
    state: Arc<Mutex<State>>,
    vanished: Arc<AtomicBool>,
    /// The message was refused: the session ends with that.
    refused: Arc<AtomicBool>,
    now: Option<Next>,
    text: Vec<u8>,
}

fn refusal(code: u16) -> Response {
    Response::custom(code, "as asked for by the test, password hunter2".to_owned())
}

impl Handler for Taker {
    fn mail(&mut self, _ip: IpAddr, _domain: &str, _from: &str) -> Response {
        self.now = lock(&self.state).next.pop_front();
        self.text.clear();
        response::OK
    }

    fn rcpt(&mut self, _to: &str) -> Response {
        match self.now {
            Some(Next::Recipient(code)) => refusal(code),
            _ => response::OK,
        }
    }

    fn data(&mut self, part: &[u8]) -> std::io::Result<()> {
        self.text.extend_from_slice(part);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        if let Some(Next::Message(code)) = self.now {
            self.refused.store(true, Ordering::Relaxed);
            return refusal(code);
        }
        lock(&self.state).messages.push(String::from_utf8_lossy(&self.text).into_owned());
        if matches!(self.now, Some(Next::Vanish)) {
            self.vanished.store(true, Ordering::Relaxed);
        }
        response::OK
    }
}
