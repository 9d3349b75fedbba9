// Sends a numbered UDP packet to every peer at a steady rate, and notes which numbers came from them.
//
//   probe ADDRESS PORT MICROSECONDS PEER...                     (IPv4 or IPv6, all alike)
//
// Says "ready" once it can receive, begins to send at the first line on stdin, ends sending at the second (or at the end of
// stdin), receives until nothing came for 300 ms, prints one JSON object and ends. One process is one end of all its paths; the
// clocks of both ends must be the same one (they are: all machines of a lab share the kernel).
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PEERS = 16, QUIET_MS = 300, MAX_GAPS = 5000 };

struct packet {
  uint32_t magic, number;
  uint64_t sent_ns;
  char filling[48];
};
static const uint32_t magic = 0x6d6f6f72;

struct end_point {
  struct sockaddr_storage address;
  socklen_t size;  // 0: none
};

static struct end_point end_point(const char* text, uint16_t port) {
  struct end_point made = {.size = 0};
  struct sockaddr_in* v4 = (struct sockaddr_in*)&made.address;
  struct sockaddr_in6* v6 = (struct sockaddr_in6*)&made.address;
  if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    made.size = sizeof *v4;
  } else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    made.size = sizeof *v6;
  }
  return made;
}

static const void* address_of(const struct end_point* one) {
  return one->address.ss_family == AF_INET ? (const void*)&((const struct sockaddr_in*)&one->address)->sin_addr
                                           : (const void*)&((const struct sockaddr_in6*)&one->address)->sin6_addr;
}

static int same_address(const struct end_point* a, const struct end_point* b) {
  return a->address.ss_family == b->address.ss_family &&
         memcmp(address_of(a), address_of(b), a->address.ss_family == AF_INET ? 4 : 16) == 0;
}

struct peer {
  struct end_point at;
  uint64_t* seen;  // by number: when it was sent; 0 = has not come
  uint32_t room, end;
  uint64_t sent, errors, received, twice, worst_ns;
};
static struct peer peers[MAX_PEERS];
static int n_peers;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void note(struct peer* peer, const struct packet* packet) {
  if (packet->number >= peer->room) {
    const uint32_t room = packet->number * 2 + 4096;
    peer->seen = realloc(peer->seen, room * sizeof *peer->seen);
    if (peer->seen == NULL) {
      abort();
    }
    memset(peer->seen + peer->room, 0, (room - peer->room) * sizeof *peer->seen);
    peer->room = room;
  }
  if (peer->seen[packet->number] != 0) {
    ++peer->twice;
    return;
  }
  peer->seen[packet->number] = packet->sent_ns;
  peer->end = packet->number + 1 > peer->end ? packet->number + 1 : peer->end;
  ++peer->received;
  const uint64_t took = now_ns() - packet->sent_ns;
  peer->worst_ns = took > peer->worst_ns ? took : peer->worst_ns;
}

// True if anything came.
static int receive(int fd) {
  int any = 0;
  for (;;) {
    struct packet packet;
    struct end_point from = {.size = sizeof from.address};
    const ssize_t n = recvfrom(fd, &packet, sizeof packet, MSG_DONTWAIT, (struct sockaddr*)&from.address, &from.size);
    if (n < 0) {
      return any;
    }
    any = 1;
    for (int i = 0; n == (ssize_t)sizeof packet && packet.magic == magic && i < n_peers; ++i) {
      if (same_address(&peers[i].at, &from)) {
        note(&peers[i], &packet);
      }
    }
  }
}

static void send_all(int fd, uint32_t number) {
  struct packet packet = {.magic = magic, .number = number};
  for (int i = 0; i < n_peers; ++i) {
    packet.sent_ns = now_ns();
    ++peers[i].sent;
    if (sendto(fd, &packet, sizeof packet, MSG_DONTWAIT, (struct sockaddr*)&peers[i].at.address, peers[i].at.size) < 0) {
      ++peers[i].errors;
    }
  }
}

static void print_peer(const struct peer* peer, const char* before) {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(peer->at.address.ss_family, address_of(&peer->at), text, sizeof text);
  printf("%s\"%s\":{\"sent\":%" PRIu64 ",\"send_errors\":%" PRIu64 ",\"received\":%" PRIu64 ",\"twice\":%" PRIu64
         ",\"end\":%u,\"worst_ms\":%.3f,\"gaps\":[",
         before, text, peer->sent, peer->errors, peer->received, peer->twice, peer->end, (double)peer->worst_ns / 1e6);
  uint64_t last = 0;  // of those that came: when it was sent
  int gaps = 0;
  for (uint32_t i = 0; i < peer->end; ++i) {
    if (peer->seen[i] != 0) {
      last = peer->seen[i];
      continue;
    }
    uint32_t end = i;
    while (peer->seen[end] == 0) {  // ends: the number before peer->end has come
      ++end;
    }
    if (gaps++ < MAX_GAPS) {
      printf("%s{\"first\":%u,\"lost\":%u,\"from_ns\":%" PRIu64 ",\"to_ns\":%" PRIu64 "}", gaps > 1 ? "," : "", i, end - i, last,
             peer->seen[end]);
    }
    i = end - 1;
  }
  printf("]}");
}

// 1 = a line, or the end of stdin.
static int told(void) {
  char line[64];
  return read(STDIN_FILENO, line, sizeof line) >= 0;
}

int main(int argc, char** argv) {
  if (argc < 5 || argc - 4 > MAX_PEERS) {
    fprintf(stderr, "usage: probe ADDRESS PORT MICROSECONDS PEER...\n");
    return 2;
  }
  const uint16_t port = (uint16_t)atoi(argv[2]);
  const struct end_point own = end_point(argv[1], port);
  const uint64_t interval = strtoull(argv[3], NULL, 10) * 1000u;
  if (own.size == 0 || port == 0 || interval == 0) {
    fprintf(stderr, "probe: '%s' '%s' '%s' is not an address, a port and an interval\n", argv[1], argv[2], argv[3]);
    return 2;
  }
  for (int i = 4; i < argc; ++i) {
    struct peer* peer = &peers[n_peers++];
    peer->at = end_point(argv[i], port);
    if (peer->at.address.ss_family != own.address.ss_family) {
      fprintf(stderr, "probe: peer '%s' is not an address of the same family\n", argv[i]);
      return 2;
    }
  }
  const int fd = socket(own.address.ss_family, SOCK_DGRAM, 0);
  const int room = 16 << 20;
  if (fd < 0 || bind(fd, (const struct sockaddr*)&own.address, own.size) != 0) {
    fprintf(stderr, "probe: binding %s: %s\n", argv[1], strerror(errno));
    return 1;
  }
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  printf("ready\n");
  fflush(stdout);
  if (!told()) {
    return 1;
  }
  uint64_t next = now_ns();
  uint32_t number = 0;
  for (;;) {
    const uint64_t now = now_ns();
    if (now >= next) {
      send_all(fd, number++);
      next += interval;
      if (next < now) {  // the machine was busy: go on, do not make up for it in a burst
        next = now + interval;
      }
    }
    const uint64_t later = now_ns();
    const uint64_t wait = next > later ? next - later : 0;
    const struct timespec patience = {.tv_sec = (time_t)(wait / 1000000000u), .tv_nsec = (long)(wait % 1000000000u)};
    struct pollfd wanted[2] = {{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    if (ppoll(wanted, 2, &patience, NULL) > 0) {
      receive(fd);
      if (wanted[1].revents != 0) {
        break;
      }
    }
  }
  struct pollfd wanted = {.fd = fd, .events = POLLIN};
  while (poll(&wanted, 1, QUIET_MS) > 0) {  // the others may still be sending
    receive(fd);
  }
  printf("{");
  for (int i = 0; i < n_peers; ++i) {
    print_peer(&peers[i], i > 0 ? "," : "");
  }
  printf("}\n");
  return 0;
}
