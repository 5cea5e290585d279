#define _GNU_SOURCE
/*
 * The floor: the least that a push server for HTTP can do, so that its figures say what the kernel costs. One epoll
 * loop parks whatever asks with GET, as a long-poll, an event stream or a WebSocket, and writes the body of a POST to
 * all that are parked on its path. It parses nothing but "GET /n " and "POST /n ", remembers nothing, and is of no
 * other use. GET of path 0 is answered at once.
 *
 *     cc -O2 -o floor floor.c && ./floor 127.0.0.1 9000
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATHS = 1 << 15, SOCKETS = 1 << 15, ROOM = 1 << 16 };
enum kind { LONG_POLL, STREAM, WEBSOCKET };

static int parked[PATHS];   /* the first socket that is parked on a path; 0: none */
static int next[SOCKETS];   /* the socket that is parked behind this one */
static int path[SOCKETS];   /* on which path a socket is parked; 0: on none, or it has been answered */
static char kind[SOCKETS];
static char in[ROOM], answer[3][ROOM];

static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
static const char stream[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
/* The accept key is right for the key that the load generator sends, and for no other. */
static const char upgraded[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: zX4ycdsl/2sHDLsCRU0AYI30Un8=\r\n\r\n";

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void leave(int fd) {
  for (int *at = &parked[path[fd]]; path[fd] && *at; at = &next[*at])
    if (*at == fd) {
      *at = next[fd];
      break;
    }
  path[fd] = 0;
  close(fd);
}

static void park(int fd, int n, enum kind k) {
  kind[fd] = k;
  next[fd] = parked[n];
  parked[n] = fd;
  path[fd] = n;
  if (k == STREAM) send(fd, stream, sizeof stream - 1, MSG_NOSIGNAL);
  if (k == WEBSOCKET) send(fd, upgraded, sizeof upgraded - 1, MSG_NOSIGNAL);
}

/* frame writes the header of a WebSocket text frame from the server. */
static int frame(char *to, int len) {
  to[0] = (char)0x81;
  if (len < 126) {
    to[1] = (char)len;
    return 2;
  }
  to[1] = 126;
  to[2] = (char)(len >> 8);
  to[3] = (char)len;
  return 4;
}

/* publish builds each kind's answer once, and writes it to all that are parked; a long-poll is over then. */
static void publish(int n, const char *body, int len) {
  int size[3];
  size[LONG_POLL] = sprintf(answer[LONG_POLL], "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%.*s", len, len, body);
  size[STREAM] = sprintf(answer[STREAM], "data: %.*s\n\n", len, body);
  size[WEBSOCKET] = frame(answer[WEBSOCKET], len);
  memcpy(answer[WEBSOCKET] + size[WEBSOCKET], body, len);
  size[WEBSOCKET] += len;

  int fd = parked[n];
  parked[n] = 0;
  for (int following; fd; fd = following) {
    following = next[fd];
    send(fd, answer[(int)kind[fd]], size[(int)kind[fd]], MSG_NOSIGNAL);
    path[fd] = 0;
    if (kind[fd] != LONG_POLL) {
      next[fd] = parked[n];
      parked[n] = fd;
      path[fd] = n;
    }
  }
}

/* request deals with one that is whole; the generator sends each in one segment. */
static void request(int fd, int len) {
  int post = in[0] == 'P';
  int n = atoi(in + (post ? 6 : 5));
  if (n < 0 || n >= PATHS) {
    leave(fd);
    return;
  }
  if (n == 0) {
    send(fd, ok, sizeof ok - 1, MSG_NOSIGNAL);
    return;
  }
  if (!post) {
    enum kind k = LONG_POLL;
    if (strstr(in, "text/event-stream")) k = STREAM;
    if (strstr(in, "Upgrade: websocket")) k = WEBSOCKET;
    park(fd, n, k);
    return;
  }
  char *body = strstr(in, "\r\n\r\n");
  if (!body) {
    leave(fd);
    return;
  }
  body += 4;
  send(fd, ok, sizeof ok - 1, MSG_NOSIGNAL);
  publish(n, body, in + len - body);
}

static void readable(int fd) {
  int len = recv(fd, in, ROOM - 1, 0);
  if (len < 0 && errno == EAGAIN) return;
  if (len <= 0) {
    leave(fd);
    return;
  }
  in[len] = 0;
  if (in[0] == 'G' || in[0] == 'P') request(fd, len);
}

static int open_port(const char *address, int port) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (inet_pton(AF_INET, address, &at.sin_addr) != 1) die("address");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 4096)) die("listen");
  return fd;
}

static void accept_all(int epoll, int listener) {
  for (int fd, one = 1; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
    if (fd >= SOCKETS) {
      close(fd);
      continue;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }
}

int main(int argc, char **argv) {
  struct epoll_event events[256];
  if (argc != 3) {
    fprintf(stderr, "usage: floor address port\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  int listener = open_port(argv[1], atoi(argv[2])), epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int n = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < n; i++)
      if (events[i].data.fd == listener)
        accept_all(epoll, listener);
      else
        readable(events[i].data.fd);
  }
}
