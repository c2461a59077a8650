// The client's reader of replies: what a proper server may send, in pieces of every size, and what is refused.
#include "appliance/http/reply_reader.h"

#include <gtest/gtest.h>

#include "keystore/fault.h"

namespace chancery::http {
namespace {

constexpr std::size_t limit = 64;

Reply read(const std::string& text, std::size_t piece = 4096, const std::string& method = "GET") {
  ReplyReader reader(method, limit, "peer");
  for (std::size_t at = 0; at < text.size() && !reader.is_complete(); at += piece) {
    reader.feed(view_of(std::string_view(text).substr(at, piece)));
  }
  if (!reader.is_complete()) reader.end();
  return reader.take();
}

std::string code_of(const std::string& text) {
  std::string first;
  for (const std::size_t piece : {std::size_t{4096}, std::size_t{1}}) {
    std::string code = "none";
    try {
      (void)read(text, piece);
    } catch (const Failure& failure) {
      EXPECT_FALSE(failure.hint().empty());
      code = failure.code();
    }
    if (first.empty()) first = code;
    EXPECT_EQ(first, code) << "in pieces of " << piece;
  }
  return first;
}

TEST(ReplyReaderTest, ReadsABodyByLengthByChunksAndByTheEnd) {
  for (std::size_t piece = 1; piece < 80; ++piece) {
    const Reply counted = read("HTTP/1.1 404 Not Found\r\nX-One:  a b \r\ncontent-LENGTH: 5\r\n\r\nhelloGET", piece);
    EXPECT_EQ(404, counted.status);
    EXPECT_EQ("hello", counted.body);
    EXPECT_EQ("a b", counted.headers.at("x-one"));
    const Reply chunked = read(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5;x=y\r\nhello\r\n00A\r\n0123456789\r\n0\r\nT: "
        "1\r\n\r\nmore",
        piece);
    EXPECT_EQ("hello0123456789", chunked.body);
    EXPECT_EQ("all of it", read("HTTP/1.0 200\r\n\r\nall of it", piece).body);
    const Reply late = read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", piece);
    EXPECT_EQ(413, late.status);
  }
}

TEST(ReplyReaderTest, RepliesWithoutABodyEndWithTheirHead) {
  EXPECT_EQ(200, read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 4096, "HEAD").status);
  EXPECT_EQ(204, read("HTTP/1.1 204 No Content\r\n\r\n").status);
  EXPECT_EQ(304, read("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n").status);
  EXPECT_EQ("", read("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").body);
}

TEST(ReplyReaderTest, WhatEndsInTheMiddleIsMalformed) {
  const std::string counted = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  for (const std::string& whole : {counted, chunked}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_EQ("http-malformed", code_of(whole.substr(0, size))) << whole.substr(0, size);
    }
    EXPECT_EQ("none", code_of(whole));
  }
}

TEST(ReplyReaderTest, WhatIsNotHttpIsMalformed) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  for (const std::string& text :
       {std::string("SSH-2.0-OpenSSH\r\n\r\n"), std::string("HTTP/2 200\r\n\r\n"),
        std::string("HTTP/1.1 20 OK\r\n\r\n"), std::string("HTTP/1.1 099 OK\r\n\r\n"),
        std::string("HTTP/1.1 2000\r\n\r\n"), ok + "no colon\r\n\r\n", ok + ": x\r\n\r\n", ok + "A : x\r\n\r\n",
        ok + " folded: x\r\n\r\n", ok + std::string("A: b\0c\r\n\r\n", 10),
        ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", ok + "Content-Length: -1\r\n\r\n",
        ok + "Content-Length: 1, 1\r\n\r\na", ok + "Content-Length: 99999999999999999999\r\n\r\n",
        ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ok + "Transfer-Encoding: gzip\r\n\r\n",
        ok + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        ok + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n"}) {
    EXPECT_EQ("http-malformed", code_of(text)) << text;
  }
}

TEST(ReplyReaderTest, NothingGrowsBeyondItsLimit) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  EXPECT_EQ("too-large", code_of(ok + "Content-Length: 65\r\n\r\n"));
  EXPECT_EQ("too-large", code_of(ok + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"));
  EXPECT_EQ("too-large",
            code_of(ok + "Transfer-Encoding: chunked\r\n\r\n40\r\n" + std::string(64, 'a') + "\r\n1\r\nb\r\n"));
  EXPECT_EQ("too-large", code_of(ok + "\r\n" + std::string(65, 'a')));
  EXPECT_EQ("none", code_of(ok + "\r\n" + std::string(64, 'a')));
  EXPECT_EQ("http-malformed", code_of(ok + "A: " + std::string(70'000, 'a')));
  std::string interim;
  while (interim.size() < 70'000) interim += "HTTP/1.1 100 Continue\r\n\r\n";
  EXPECT_EQ("http-malformed", code_of(interim));
}

}  // namespace
}  // namespace chancery::http
