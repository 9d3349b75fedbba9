#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

#include "component/http_stage.hpp"

using namespace http_stage;

namespace {

using Bytes = std::shared_ptr<const std::string>;

Bytes bytes(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

// A server whose every path is the stream given.
Handler streaming(Stream::Run run) {
  return [run = std::move(run)](Request) -> asio::awaitable<Answer> {
    Answer answer{Stream(run)};
    co_return answer;
  };
}

asio::awaitable<void> three_lines(LineSink& sink) {
  for (int i = 1; i <= 3; ++i) {
    const Bytes line = bytes("line " + std::to_string(i) + "\n");
    const Result<void> sent = co_await sink.write(line);
    if (!sent) {
      co_return;
    }
  }
}

// Waits until the peer closes, as the watch hub does between changes.
class Waiting {
 public:
  asio::awaitable<void> run(LineSink& sink) {
    asio::steady_timer woken(co_await asio::this_coro::executor, 60s);
    sink.on_closed([&] { woken.cancel(); });
    const Bytes hello = bytes("hello\n");
    const Result<void> sent = co_await sink.write(hello);
    if (sent && !sink.closed()) {
      try {
        co_await woken.async_wait(asio::use_awaitable);
      } catch (const boost::system::system_error&) {
      }
    }
    noticed_ = sink.closed();
    ended_ = true;
  }
  bool noticed_ = false;
  bool ended_ = false;
};

}  // namespace

TEST_CASE("a stream's lines arrive one by one, then its end") {
  ServerThread server(streaming(three_lines));
  asio::io_context io(1);
  for (const Endpoint& endpoint : {server.unix_endpoint(), server.tcp_endpoint()}) {
    LineStream stream(io.get_executor(), endpoint);
    std::vector<std::string> lines;
    std::optional<mooring::Error> end;
    run(io, [&]() -> asio::awaitable<void> {
      const Result<Response> head = co_await stream.open("/v1/watch", after(5s));
      REQUIRE(head);
      REQUIRE(head->status == 200);
      CHECK(stream.is_open());
      while (true) {
        Result<std::string> line = co_await stream.next_line(after(5s));
        if (!line) {
          end = line.error();
          break;
        }
        lines.push_back(std::move(*line));
      }
    });
    CHECK(lines == std::vector<std::string>{"line 1", "line 2", "line 3"});
    CHECK(end->code() == Errc::unavailable);
    CHECK(end->message().find("has ended") != std::string::npos);
    CHECK_FALSE(stream.is_open());
  }
}

TEST_CASE("another status than 200 is handed over whole") {
  const auto handler = [](Request request) -> asio::awaitable<Answer> {
    Answer answer(problem(mooring::Error(Errc::unauthorized, "watching: " + std::string(request.bearer_token()))));
    co_return answer;
  };
  ServerThread server(handler);
  asio::io_context io(1);
  LineStream stream(io.get_executor(), server.unix_endpoint(), "t0ken");
  std::optional<Result<Response>> head;
  run(io, [&]() -> asio::awaitable<void> { head = co_await stream.open("/v1/watch", after(5s)); });
  REQUIRE(*head);
  CHECK((*head)->status == 401);
  CHECK((*head)->body.find("watching: t0ken") != std::string::npos);
  CHECK_FALSE(stream.is_open());
}

TEST_CASE("lines may come in any cut: many in a chunk, one in many") {
  const auto cut = [](LineSink& sink) -> asio::awaitable<void> {
    for (const char* piece : {"a\nb\nc", "c", "c\n\nd", "\n", "rest without an end"}) {
      const Bytes part = bytes(piece);
      const Result<void> sent = co_await sink.write(part);
      if (!sent) {
        co_return;
      }
    }
  };
  ServerThread server(streaming(cut));
  asio::io_context io(1);
  LineStream stream(io.get_executor(), server.unix_endpoint());
  std::vector<std::string> lines;
  run(io, [&]() -> asio::awaitable<void> {
    const Result<Response> head = co_await stream.open("/", after(5s));
    REQUIRE(head);
    for (Result<std::string> line = co_await stream.next_line(after(5s)); line;
         line = co_await stream.next_line(after(5s))) {
      lines.push_back(*line);
    }
  });
  CHECK(lines == std::vector<std::string>{"a", "b", "ccc", "", "d"});
}

TEST_CASE("a deadline without a line leaves the stream open") {
  const auto slow = [](LineSink& sink) -> asio::awaitable<void> {
    const Bytes begin = bytes("first\nsec");
    const Bytes end = bytes("ond\n");
    const Result<void> sent = co_await sink.write(begin);
    REQUIRE(sent);
    asio::steady_timer timer(co_await asio::this_coro::executor, 150ms);
    co_await timer.async_wait(asio::use_awaitable);
    const Result<void> sent_too = co_await sink.write(end);
    REQUIRE(sent_too);
  };
  ServerThread server(streaming(slow));
  asio::io_context io(1);
  LineStream stream(io.get_executor(), server.unix_endpoint());
  std::optional<Result<std::string>> first;
  std::optional<Result<std::string>> late;
  std::optional<Result<std::string>> second;
  run(io, [&]() -> asio::awaitable<void> {
    const Result<Response> head = co_await stream.open("/", after(5s));
    REQUIRE(head);
    first = co_await stream.next_line(after(5s));
    late = co_await stream.next_line(after(30ms));
    second = co_await stream.next_line(after(5s));
  });
  CHECK(first->value() == "first");
  REQUIRE_FALSE(*late);
  CHECK(late->error().code() == Errc::timeout);
  REQUIRE(*second);
  CHECK(second->value() == "second");
}

TEST_CASE("a line above the bound ends the stream") {
  const auto endless_line = [](LineSink& sink) -> asio::awaitable<void> {
    const Bytes piece = bytes(std::string(10'000, 'x'));
    for (Result<void> sent = co_await sink.write(piece); sent; sent = co_await sink.write(piece)) {
    }
  };
  ServerThread server(streaming(endless_line));
  asio::io_context io(1);
  LineStream stream(io.get_executor(), server.unix_endpoint(), "", 100'000);
  std::optional<Result<std::string>> line;
  run(io, [&]() -> asio::awaitable<void> {
    const Result<Response> head = co_await stream.open("/", after(5s));
    REQUIRE(head);
    line = co_await stream.next_line(after(5s));
  });
  REQUIRE_FALSE(*line);
  CHECK(line->error().code() == Errc::too_large);
  CHECK_FALSE(stream.is_open());
  CHECK(eventually([&] { return server.connections() == 0; }));
}

TEST_CASE("close() ends a waiting next_line()") {
  Waiting waiting;
  ServerThread server(streaming([&](LineSink& sink) { return waiting.run(sink); }));
  asio::io_context io(1);
  LineStream stream(io.get_executor(), server.unix_endpoint());
  asio::steady_timer closing(io, 50ms);
  closing.async_wait([&](const boost::system::error_code&) { stream.close(); });
  std::optional<Result<std::string>> line;
  run(io, [&]() -> asio::awaitable<void> {
    const Result<Response> head = co_await stream.open("/", after(5s));
    REQUIRE(head);
    const Result<std::string> hello = co_await stream.next_line(after(5s));
    REQUIRE(hello);
    line = co_await stream.next_line(after(10s));
  });
  REQUIRE_FALSE(*line);
  CHECK(line->error().code() == Errc::unavailable);
  CHECK(eventually([&] { return server.on_thread([&] { return waiting.ended_; }); }));
}

TEST_CASE("a reader that leaves is noticed between writes") {
  Waiting waiting;
  ServerThread server(streaming([&](LineSink& sink) { return waiting.run(sink); }));
  auto reader = std::make_unique<RawPeer>(server.unix_endpoint());
  REQUIRE(reader->say("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  REQUIRE(reader->hear("hello").find("application/x-ndjson") != std::string::npos);
  CHECK_FALSE(server.on_thread([&] { return waiting.ended_; }));
  reader.reset();
  CHECK(eventually([&] { return server.on_thread([&] { return waiting.ended_; }); }));
  CHECK(waiting.noticed_);
  CHECK(eventually([&] { return server.connections() == 0; }));
}

TEST_CASE("stop() ends streams, their function is told") {
  Waiting waiting;
  asio::io_context io(1);
  TemporaryFolder folder;
  Server server(io.get_executor(), streaming([&](LineSink& sink) { return waiting.run(sink); }));
  REQUIRE(server.listen_unix(folder.path("s.sock")));
  RawPeer reader(Endpoint::unix_socket(folder.path("s.sock")));
  REQUIRE(reader.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  io.run_for(30ms);
  REQUIRE_FALSE(waiting.ended_);
  server.stop();
  io.run_for(5s);
  CHECK(waiting.ended_);
  CHECK(waiting.noticed_);
}

TEST_CASE("a reader that takes nothing times out, one that is merely slow gets everything") {
  Limits limits;
  limits.write_deadline = 100ms;
  std::optional<Result<void>> failed;
  std::size_t sent_bytes = 0;
  const auto flood = [&](LineSink& sink) -> asio::awaitable<void> {
    const Bytes block = bytes(std::string(99'999, 'x') + "\n");
    for (int i = 0; i < 200; ++i) {
      const Result<void> sent = co_await sink.write(block);
      if (!sent) {
        failed = sent;
        co_return;
      }
      sent_bytes += block->size();
    }
  };
  ServerThread server(streaming(flood), limits);

  SECTION("takes nothing") {
    RawPeer reader(server.unix_endpoint());
    REQUIRE(reader.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    REQUIRE(eventually([&] { return server.on_thread([&] { return failed.has_value(); }); }));
    CHECK(failed->error().code() == Errc::timeout);
    CHECK(eventually([&] { return server.connections() == 0; }));
  }
  SECTION("slow") {
    asio::io_context io(1);
    LineStream stream(io.get_executor(), server.unix_endpoint());
    std::size_t lines = 0;
    run(io, [&]() -> asio::awaitable<void> {
      const Result<Response> head = co_await stream.open("/", after(5s));
      REQUIRE(head);
      asio::steady_timer pause(io);
      for (Result<std::string> line = co_await stream.next_line(after(5s)); line;
           line = co_await stream.next_line(after(5s))) {
        ++lines;
        pause.expires_after(2ms);
        co_await pause.async_wait(asio::use_awaitable);
      }
    });
    CHECK(lines == 200);
    CHECK_FALSE(failed);
  }
}

TEST_CASE("an exception in a stream cuts the answer, so that the reader knows") {
  const auto breaking = [](LineSink& sink) -> asio::awaitable<void> {
    const Bytes line = bytes("one\n");
    const Result<void> sent = co_await sink.write(line);
    if (sent) {
      throw std::runtime_error("the hub broke");
    }
  };
  ServerThread server(streaming(breaking));
  asio::io_context io(1);
  LineStream stream(io.get_executor(), server.unix_endpoint());
  std::optional<Result<std::string>> second;
  run(io, [&]() -> asio::awaitable<void> {
    const Result<Response> head = co_await stream.open("/", after(5s));
    REQUIRE(head);
    const Result<std::string> one = co_await stream.next_line(after(5s));
    REQUIRE(one);
    second = co_await stream.next_line(after(5s));
  });
  REQUIRE_FALSE(*second);
  CHECK(second->error().message().find("cut off") != std::string::npos);
  CHECK(server.fault().find("the hub broke") != std::string::npos);
}

TEST_CASE("one string goes to many readers") {
  const Bytes shared = bytes("the same for all\n");
  ServerThread server(streaming([&](LineSink& sink) -> asio::awaitable<void> {
    for (int i = 0; i < 20; ++i) {
      const Result<void> sent = co_await sink.write(shared);
      if (!sent) {
        co_return;
      }
    }
  }));
  asio::io_context io(1);
  int whole = 0;
  std::vector<std::unique_ptr<LineStream>> streams;
  for (int reader = 0; reader < 50; ++reader) {
    streams.push_back(std::make_unique<LineStream>(io.get_executor(), server.unix_endpoint()));
    const auto read = [&io, &whole, &stream = *streams.back()]() -> asio::awaitable<void> {
      static_cast<void>(io);
      int lines = 0;
      const Result<Response> head = co_await stream.open("/", after(5s));
      for (Result<std::string> line = co_await stream.next_line(after(5s)); line && *line == "the same for all";
           line = co_await stream.next_line(after(5s))) {
        ++lines;
      }
      whole += lines == 20 && head ? 1 : 0;
    };
    asio::co_spawn(io, read, asio::detached);
  }
  io.run_for(10s);
  CHECK(whole == 50);
}
