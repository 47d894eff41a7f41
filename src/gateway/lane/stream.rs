//! The lane as the stream that the transport reads from and writes to.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, PoisonError, atomic::Ordering},
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{CloseReason, Lane, Mode, State, WELCOME};

/// The stream that HTTP and WebSocket see.
#[derive(Debug)]
pub(in crate::gateway) struct LaneStream(pub Arc<Lane>);

impl AsyncRead for LaneStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read(cx, buf)
    }
}

impl AsyncWrite for LaneStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_shutdown(cx)
    }
}

impl Drop for LaneStream {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Lane {
    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        {
            let mut state = self.lock();
            match &mut state.reader {
                Some(reader) => reader.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            }
            while state.stalled_since.is_some() && !self.is_dead() {
                match self.tcp.poll_write_ready(cx) {
                    Poll::Ready(Ok(())) => {
                        self.write_queue(&mut state);
                        state.reader.get_or_insert_with(|| cx.waker().clone());
                    }
                    Poll::Ready(Err(_)) | Poll::Pending => break,
                }
            }
        }
        loop {
            match self.tcp.try_read(buf.initialize_unfilled()) {
                Ok(read) => {
                    buf.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.is_dead() {
                        return Poll::Ready(Ok(()));
                    }
                    std::task::ready!(self.tcp.poll_read_ready(cx))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    pub(super) fn poll_write(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if self.is_dead() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut state = self.lock();
        if state.mode == Mode::PassThrough {
            drop(state);
            return self.pass_through(cx, bufs);
        }
        let chunk: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).collect();
        let len = chunk.len();
        let opens = state.mode == Mode::Opening && chunk.windows(WELCOME.len()).any(|part| part == WELCOME);
        state.enqueue(chunk.into());
        if opens {
            state.mode = Mode::Open;
            if state.holds == 0 {
                state.unhold();
            }
        }
        if state.stalled_since.is_none() {
            self.write_queue(&mut state);
        }
        let excess = state.queued_bytes > self.max_queued;
        drop(state);
        if excess {
            self.kill(CloseReason::QueueFull);
        }
        Poll::Ready(Ok(len))
    }

    fn pass_through(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        loop {
            std::task::ready!(self.tcp.poll_write_ready(cx))?;
            match self.tcp.try_write_vectored(bufs) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    pub(super) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        if !state.queue.is_empty() && !self.is_dead() {
            state.closer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        drop(state);
        socket2::SockRef::from(&self.tcp).shutdown(std::net::Shutdown::Write).ok();
        Poll::Ready(Ok(()))
    }

    /// The transport let go of the socket. Others may still hold the lane, so it is closed here.
    pub(super) fn abandon(&self) {
        self.dead.store(true, Ordering::Release);
        socket2::SockRef::from(&self.tcp).shutdown(std::net::Shutdown::Both).ok();
        let mut state = self.lock();
        *state = State { close_sent_at: state.close_sent_at, ..State::default() };
        drop(state);
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        if let Some(place) = place {
            place.free();
        }
    }
}
