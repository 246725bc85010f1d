//! The backend.

use std::io;
use std::path::Path;

use file_store::{Directory, Worker};
use redlock_toolkit::{
    Backend, BackendError, Capabilities, Command, Inbox, NodeName, Notifications, Reply, async_trait,
};
use tokio::time::Instant;

/// A directory as a redlock node, for the processes of one host.
#[derive(Debug)]
pub struct FileStore {
    name: NodeName,
    worker: Worker,
}

impl FileStore {
    /// The node in that directory, which is made where it is missing.
    ///
    /// # Errors
    ///
    /// Where there can be no such directory, or no thread to work in it.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let directory = Directory::open(path.as_ref())?;
        let name = NodeName::new(directory.path().display().to_string());
        Ok(Self { name, worker: Worker::start(directory)? })
    }
}

#[async_trait]
impl Backend for FileStore {
    fn node(&self) -> &NodeName {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::LOCK | Capabilities::DURABLE
    }

    async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        self.worker.execute(command, deadline).await
    }

    fn notifications(&self, _inbox: &Inbox) -> Option<Notifications> {
        None
    }
}
