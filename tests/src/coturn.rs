//! A coturn of one's own: `apt-get install coturn`.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use offhook_media::{IceServer, ServerKind, TurnTransport};
use offhook_sim::ExternalService;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{sleep, timeout},
};

/// Its one account.
pub const USER: &str = "turn";
/// The account's password.
pub const PASSWORD: &str = "turnpw";
/// The longest wait for anything.
const LIMIT: Duration = Duration::from_secs(40);

/// Where it is unless it is told otherwise.
const LOOPBACK: &str = "127.0.0.1";

/// One that runs in a temporary folder, on free ports, until it is dropped.
#[derive(Debug)]
pub struct Coturn {
    folder: TempDir,
    /// Where it listens, and relays from.
    address: String,
    port: u16,
    tls_port: u16,
    process: Option<Child>,
    /// What it has logged.
    log: watch::Sender<Vec<String>>,
}

impl Coturn {
    /// Starts one on the loopback with one account; `extra` are more lines of configuration.
    pub async fn start(extra: &str) -> Self {
        Self::start_at(LOOPBACK, extra).await
    }

    /// Starts one at this address.
    pub async fn start_at(address: &str, extra: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut coturn = Self {
            address: address.to_owned(),
            port: free_port(address),
            tls_port: free_port(address),
            process: None,
            log: watch::Sender::new(Vec::new()),
            folder,
        };
        coturn.certify();
        let path = |name: &str| coturn.folder.path().join(name).display().to_string();
        let lines = [
            format!("listening-ip={address}"),
            format!("relay-ip={address}"),
            format!("listening-port={}", coturn.port),
            format!("tls-listening-port={}", coturn.tls_port),
            "realm=localhost".to_owned(),
            "lt-cred-mech".to_owned(),
            format!("user={USER}:{PASSWORD}"),
            "fingerprint".to_owned(),
            format!("cert={}", path("certificate.pem")),
            format!("pkey={}", path("key.pem")),
            format!("userdb={}", path("turndb")),
            format!("pidfile={}", path("pid")),
            "log-file=stdout".to_owned(),
            "simple-log".to_owned(),
            "verbose".to_owned(),
            "allow-loopback-peers".to_owned(),
            "no-cli".to_owned(),
        ];
        let configuration = format!("{}\n{extra}", lines.join("\n"));
        fs::write(coturn.configuration(), configuration).expect("it is written");
        coturn.begin().await;
        coturn
    }

    /// Starts it, on the ports it had before.
    pub async fn begin(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let mut process = Command::new("turnserver")
            .arg("-c")
            .arg(self.configuration())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("coturn is installed");
        let (output, log) = (process.stdout.take().expect("it is piped"), self.log.clone());
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                log.send_modify(|lines| lines.push(line));
            }
        });
        self.process = Some(process);
        let listens = async {
            while [self.port, self.tls_port]
                .iter()
                .any(|port| TcpStream::connect((self.address.as_str(), *port)).is_err())
            {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(LIMIT, listens).await.expect("it listens in time");
    }

    /// Ends it as a power cut does.
    pub async fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().expect("it can be");
        spawn_blocking(move || process.wait())
            .await
            .expect("it ends")
            .expect("it ends");
    }

    /// As the cloud offers it.
    pub fn service(&self, kind: &str, transport: &str) -> ExternalService {
        let (host, port) = match kind {
            // Its certificate is for the name too.
            "turns" if self.address == LOOPBACK => ("localhost", self.tls_port),
            "turns" => (self.address.as_str(), self.tls_port),
            _ => (self.address.as_str(), self.port),
        };
        let mut service = ExternalService::new(kind, host, port);
        service.transport = transport.to_owned();
        service.username = Some(USER.to_owned());
        service.password = Some(PASSWORD.into());
        service
    }

    /// As a call asks it, over UDP.
    pub fn server(&self) -> IceServer {
        let kind = ServerKind::Turn {
            transport: TurnTransport::Udp,
            username: USER.to_owned(),
            credential: PASSWORD.into(),
        };
        IceServer {
            kind,
            host: self.address.clone(),
            port: self.port,
        }
    }

    /// The certificate of the authority that vouches for it.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// Whether it has logged something with these words.
    pub fn has_logged(&self, words: &str) -> bool {
        self.log.borrow().iter().any(|line| line.contains(words))
    }

    /// Waits until it has logged something with these words.
    pub async fn logged(&self, words: &str) {
        let mut log = self.log.subscribe();
        let found = log.wait_for(|lines| lines.iter().any(|line| line.contains(words)));
        if timeout(LIMIT, found).await.is_err() {
            panic!("coturn did not log {words:?}: {:#?}", self.log.borrow());
        }
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path().join("turnserver.conf")
    }

    fn certify(&self) {
        let mut authority = CertificateParams::new(Vec::new()).expect("no names");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("it signs");
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new(vec!["localhost".into(), self.address.clone()])
            .expect("a name and an address")
            .signed_by(&key, &authority)
            .expect("it signs");
        let write = |name: &str, text: &str| fs::write(self.folder.path().join(name), text).expect("it is written");
        write("authority.pem", &authority.pem());
        write("certificate.pem", &certificate.pem());
        write("key.pem", &key.serialize_pem());
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.kill());
            drop(process.wait());
        }
        if thread::panicking() {
            let log = self.log.borrow();
            for line in log.iter().skip(log.len().saturating_sub(60)) {
                eprintln!("coturn: {line}");
            }
        }
    }
}

fn free_port(address: &str) -> u16 {
    let listener = TcpListener::bind((address, 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}
