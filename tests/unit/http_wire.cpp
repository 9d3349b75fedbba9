#include <catch2/catch.hpp>

#include "mooring/http/wire.hpp"
#include "support/catch_result.hpp"

using mooring::Errc;
using mooring::Result;
using namespace mooring::http;

namespace {

// Feeds one piece as a connection does: what was not taken stays, more is put behind it.
template <class Reader>
Result<void> feed(Reader& reader, wire::InputBuffer& input, std::string_view piece) {
  piece.copy(input.room(piece.size()), piece.size());
  input.added(piece.size());
  const Result<std::size_t> taken = reader.feed(input.bytes());
  if (!taken) {
    return taken.error();
  }
  input.consume(*taken);
  return mooring::ok();
}

Result<Request> read_whole(std::string_view text) {
  wire::RequestReader reader(1024, 1024);
  const Result<std::size_t> taken = reader.feed(text);
  if (!taken) {
    return taken.error();
  }
  if (!reader.done()) {
    return mooring::Error(Errc::internal, "not whole");
  }
  return reader.take();
}

}  // namespace

TEST_CASE("a request is read the same however its bytes are cut") {
  const std::string text =
      "POST /v1/ports:allocate?node=h1&x=a%20b+c HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret\r\n"
      "Content-Length: 11\r\n\r\n{\"a\":\"b\\n\"}";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    wire::RequestReader reader(1024, 1024);
    wire::InputBuffer input;
    for (std::size_t begin = 0; begin < text.size(); begin += piece) {
      REQUIRE(feed(reader, input, std::string_view(text).substr(begin, piece)));
    }
    REQUIRE(reader.done());
    CHECK(input.empty());
    CHECK(reader.keep_alive());
    const Request request = reader.take().value();
    CHECK(request.method == "POST");
    CHECK(request.path == "/v1/ports:allocate");
    CHECK(request.parameter("node") == "h1");
    CHECK(request.parameter("x") == "a b c");
    CHECK(request.parameter("absent").empty());
    CHECK(request.bearer_token() == "secret");
    CHECK(request.body == "{\"a\":\"b\\n\"}");
  }
}

TEST_CASE("what follows a request is left for the next one") {
  const std::string two = "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  wire::RequestReader reader(1024, 1024);
  const std::size_t taken = reader.feed(two).value();
  REQUIRE(reader.done());
  CHECK(reader.take().value().path == "/a");
  REQUIRE(reader.feed(std::string_view(two).substr(taken)));
  REQUIRE(reader.done());
  CHECK_FALSE(reader.keep_alive());
  CHECK(reader.take().value().path == "/b");
}

TEST_CASE("a chunked request body is put together") {
  const Result<Request> request =
      read_whole("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  REQUIRE(request);
  CHECK(request->body == "abcde");
}

TEST_CASE("what is no HTTP is refused as malformed") {
  const std::string_view text = GENERATE(as<std::string_view>(),                                                //
                                         "\x16\x03\x01\x02garbage garbage\r\n\r\n",                             //
                                         "GET\r\n\r\n",                                                         //
                                         "GET /a HTTP/3.7\r\n\r\n",                                             //
                                         "GET /a HTTP/1.1\r\nno colon\r\n\r\n",                                 //
                                         "POST /a HTTP/1.1\r\nContent-Length: -1\r\n\r\n",                      //
                                         "POST /a HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",  //
                                         "GET http://elsewhere/a HTTP/1.1\r\n\r\n",                             //
                                         "GET /a%zz HTTP/1.1\r\n\r\n",                                          //
                                         "GET /a%2 HTTP/1.1\r\n\r\n",                                           //
                                         "GET /a?b=%f HTTP/1.1\r\n\r\n");
  INFO(text);
  const Result<Request> request = read_whole(text);
  REQUIRE_FALSE(request);
  CHECK(request.error().code() == Errc::invalid_argument);
}

TEST_CASE("too large a head or body is refused before it is all read") {
  wire::RequestReader by_length(1024, 1024);
  const auto announced = by_length.feed("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1025\r\n\r\n");
  REQUIRE_FALSE(announced);
  CHECK(announced.error().code() == Errc::too_large);

  wire::RequestReader by_chunks(1024, 1024);
  REQUIRE(by_chunks.feed("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
  const auto chunk = by_chunks.feed("401\r\n" + std::string(0x401, 'x') + "\r\n");
  REQUIRE_FALSE(chunk);
  CHECK(chunk.error().code() == Errc::too_large);

  wire::RequestReader by_head(1024, 1024);
  const auto head = by_head.feed("GET /a HTTP/1.1\r\nX: " + std::string(2000, 'x'));
  REQUIRE_FALSE(head);
  CHECK(head.error().code() == Errc::too_large);
}

TEST_CASE("a client that waits for 100 Continue is told once") {
  wire::RequestReader reader(1024, 1024);
  REQUIRE(reader.feed("POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
  CHECK(reader.wants_continue());
  CHECK_FALSE(reader.wants_continue());
  REQUIRE(reader.feed("abc"));
  CHECK(reader.done());
}

TEST_CASE("an answer is read as it was written") {
  Response sent = json(409, R"({"title":"in-use"})");
  sent.headers.emplace_back("X-Evil", "a\r\nSet-Cookie: b");
  wire::ResponseReader reader(1024);
  REQUIRE(reader.feed(wire::response_text(sent, true)));
  REQUIRE(reader.done());
  CHECK(reader.keep_alive());
  const Response got = reader.take();
  CHECK(got.status == 409);
  CHECK(got.content_type == "application/json");
  CHECK(got.body == sent.body);
  CHECK(got.header("x-evil") == "aSet-Cookie: b");
  CHECK(got.header("set-cookie").empty());
}

TEST_CASE("a chunked answer grows line by line") {
  wire::ResponseReader reader(8);  // the bound of a whole body does not hold for an endless one
  reader.start(true);
  wire::InputBuffer input;
  REQUIRE(feed(reader, input, wire::stream_head_text(200, "application/x-ndjson", Headers())));
  CHECK(reader.header_done());
  CHECK_FALSE(reader.done());
  const std::string line = "{\"type\":\"HELLO\"}\n";
  REQUIRE(feed(reader, input, wire::chunk_head_text(line.size()) + line + std::string(wire::chunk_tail_text)));
  CHECK(reader.lines() == line);
  CHECK_FALSE(reader.done());
  REQUIRE(feed(reader, input, wire::last_chunk_text));
  CHECK(reader.done());
}

TEST_CASE("the refusal of a stream is bounded, however it comes") {
  for (const std::string_view head : {"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n",
                                      "HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\n", "HTTP/1.1 503 No\r\n\r\n"}) {
    wire::ResponseReader reader(64);
    reader.start(true);
    const auto taken = reader.feed(std::string(head) + std::string(100, 'x'));
    REQUIRE_FALSE(taken);
    CHECK(taken.error().code() == Errc::too_large);
  }
}

TEST_CASE("a peer that does not speak HTTP is unavailable, not a crash") {
  wire::ResponseReader reader(1024);
  const auto taken = reader.feed("SSH-2.0-OpenSSH_9.2\r\n\r\n");
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code() == Errc::unavailable);
}

TEST_CASE("an input buffer keeps what is left, and its room") {
  wire::InputBuffer input;
  std::string expected;
  for (int round = 0; round < 100; ++round) {
    std::string_view("0123456789").copy(input.room(10), 10);
    input.added(10);
    expected += "0123456789";
    input.consume(9);
    expected.erase(0, 9);
    REQUIRE(input.bytes() == expected);
  }
  input.consume(expected.size());
  CHECK(input.empty());
  CHECK(input.room_size() >= 100);
}
