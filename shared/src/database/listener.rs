//! A connection that hears notifications.

use super::DatabaseError;
use futures_util::{StreamExt, stream};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    task::JoinHandle,
};
use tokio_postgres::{AsyncMessage, Client, Connection};

/// Notifications that may wait to be heard; more wait in the connection.
const WAITING: usize = 1_024;

/// A connection of its own, outside the pool: it hears notifications for as long as it lives.
#[derive(Debug)]
pub struct Listener {
    client: Client,
    heard: mpsc::Receiver<String>,
    connection: JoinHandle<()>,
}

impl Listener {
    pub(super) fn new<S, T>(client: Client, connection: Connection<S, T>) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (tell, heard) = mpsc::channel(WAITING);
        Self { client, heard, connection: tokio::spawn(pass_on(connection, tell)) }
    }

    /// Runs a statement for its effect on the connection.
    ///
    /// # Errors
    /// The statement or the connection failed.
    pub(crate) async fn execute(&self, sql: &str) -> Result<(), DatabaseError> {
        Ok(self.client.batch_execute(sql).await?)
    }

    /// The next notification's text; `None`: the connection has ended.
    pub async fn next(&mut self) -> Option<String> {
        self.heard.recv().await
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Drives the connection. What ends it ends the channel, which is all that the listener needs to know.
async fn pass_on<S, T>(mut connection: Connection<S, T>, tell: mpsc::Sender<String>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
    while let Some(Ok(message)) = messages.next().await {
        if let AsyncMessage::Notification(notification) = message
            && tell.send(notification.payload().to_owned()).await.is_err()
        {
            return;
        }
    }
}
