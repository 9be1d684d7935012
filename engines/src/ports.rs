//! Free ports on 127.0.0.1.

use std::{io, net::TcpListener};

/// The first of `preferred` that nothing listens on, else one the kernel chooses. The port is free when this returns; another process
/// can still take it before the engine binds it, so callers try again with another one.
pub fn free_port(preferred: &[u16]) -> io::Result<u16> {
    let taken = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_err();
    if let Some(port) = preferred.iter().copied().find(|&port| port != 0 && !taken(port)) {
        return Ok(port);
    }
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Different free ports: for each, the first of those preferred that nothing listens on, else one the kernel chooses.
pub fn free_ports<const N: usize>(preferred: [Vec<u16>; N]) -> io::Result<[u16; N]> {
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    for (slot, wanted) in ports.iter_mut().zip(preferred) {
        let listener = wanted.iter().filter(|&&port| port != 0).find_map(|&port| TcpListener::bind(("127.0.0.1", port)).ok());
        let listener = match listener {
            Some(listener) => listener,
            None => TcpListener::bind(("127.0.0.1", 0))?,
        };
        *slot = listener.local_addr()?.port();
        // Held until all are chosen, so that no two are the same.
        held.push(listener);
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_taken_port_is_not_chosen() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let taken = listener.local_addr().unwrap().port();
        assert_ne!(free_port(&[taken]).unwrap(), taken);
        drop(listener);
        assert_eq!(free_port(&[taken]).unwrap(), taken);
    }

    #[test]
    fn several_ports_differ() {
        let wanted = free_port(&[]).unwrap();
        let ports = free_ports([vec![wanted], vec![wanted], vec![]]).unwrap();
        assert_eq!(ports[0], wanted);
        assert_ne!(ports[1], wanted);
        assert_ne!(ports[1], ports[2]);
    }
}
