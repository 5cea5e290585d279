/** Breaks a connection off, so that the other side hears of it as of a crash. One of which this side has sent its end
 * already is just closed: Node 20 fails to reset that, and keeps it. */
export function reset(socket) {
  if (socket.writableEnded) socket.destroy();
  else if (!socket.destroyed) socket.resetAndDestroy();
}
