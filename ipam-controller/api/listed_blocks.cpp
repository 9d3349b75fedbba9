#include "ipam-controller/api/listed_blocks.hpp"

#include <algorithm>
#include <tuple>
#include <utility>
#include <variant>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include "ipam-controller/api/when_done.hpp"

namespace mooring::controller {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds look_again{5};     // whether a rule still names the list
constexpr std::size_t max_blocks_at_once = 2000;  // a transaction is one line of the watch stream

bool is_of_access_rule(const Write& row) {
  return std::holds_alternative<AccessRule>(row) || std::holds_alternative<Erase<AccessRule>>(row);
}

// A block a line.
std::vector<net::IpCidr> blocks_from(const std::string& plain) {
  std::vector<net::IpCidr> blocks;
  for (std::size_t begin = 0; begin < plain.size();) {
    const std::size_t end = std::min(plain.find('\n', begin), plain.size());
    if (const auto block = net::IpCidr::parse(std::string_view(plain).substr(begin, end - begin))) {
      blocks.push_back(*block);
    }
    begin = end + 1;
  }
  return blocks;
}

Result<bool> bring_in_line(Transaction& tx, const std::string& list, const std::vector<net::IpCidr>& wanted) {
  const State& state = tx.state();
  const bool named = std::any_of(state.access_rules().begin(), state.access_rules().end(),
                                 [&list](const auto& rule) { return rule.second.terms.list == list; });
  std::set<net::IpCidr> missing;
  if (named) {
    missing.insert(wanted.begin(), wanted.end());
  }
  std::vector<ListedBlock> gone;
  for (const ListedBlock* there : state.blocks_of_list(list)) {
    if (missing.erase(there->block) == 0) {
      gone.push_back(*there);
    }
  }
  std::size_t left = max_blocks_at_once;
  for (const net::IpCidr& block : missing) {
    if (left-- == 0) {
      return true;
    }
    tx.put(ListedBlock{list, block, 0});
  }
  for (ListedBlock& block : gone) {
    if (left-- == 0) {
      return true;
    }
    tx.erase(std::move(block));
  }
  return false;
}

}  // namespace

ListedBlocks::ListedBlocks(asio::any_io_executor executor, Ipam& ipam, FeedHub& feeds)
    : executor_(std::move(executor)), ipam_(ipam), feeds_(feeds) {}

void ListedBlocks::start() {
  ipam_.follow_rows([this](const std::vector<Write>& before, const State&) {
    if (std::any_of(before.begin(), before.end(), &is_of_access_rule)) {
      look();
    }
  });
  look();
}

void ListedBlocks::stop() {
  stopped_ = true;
  for (auto& [list, timer] : followed_) {
    timer.cancel();
  }
}

void ListedBlocks::look() {
  ipam_.read([this](const State& state, Revision) {
    named_.clear();
    for (const auto& [name, rule] : state.access_rules()) {
      if (!rule.terms.list.empty()) {
        named_.insert(rule.terms.list);
      }
    }
    std::set<std::string> lists = named_;
    for (const auto& [key, listed] : state.listed_blocks()) {
      lists.insert(listed.list);  // those that nobody names any more are taken away
    }
    for (const std::string& list : lists) {
      if (!stopped_ && followed_.try_emplace(list, executor_).second) {
        asio::co_spawn(executor_, follow(list), asio::detached);
      }
    }
  });
}

asio::awaitable<void> ListedBlocks::rest(const std::string& list) {
  asio::steady_timer& timer = followed_.at(list);
  timer.expires_after(1s);
  constexpr asio::as_tuple_t<asio::use_awaitable_t<>> as_result{};
  const std::tuple<boost::system::error_code> waited = co_await timer.async_wait(as_result);
  static_cast<void>(waited);
}

asio::awaitable<Result<bool>> ListedBlocks::write(const std::string& list, const std::vector<net::IpCidr>& blocks) {
  const Start<bool> start = [this, &list, &blocks](Callback<bool> done) {
    Caller caller;
    caller.actor.name = "lists";
    caller.reason = "an access rule names the list";
    ipam_.run<bool>(
        caller, [&list, &blocks](Transaction& tx) { return bring_in_line(tx, list, blocks); }, std::move(done));
  };
  co_return co_await when_done(start);
}

asio::awaitable<void> ListedBlocks::follow(std::string list) {
  FeedQuestion question;
  question.list = list;
  question.form.format = FeedFormat::plain;
  question.wait = look_again;
  std::vector<net::IpCidr> blocks;
  bool unwritten = true;
  while (!stopped_) {
    const bool named = named_.contains(list);
    if (named) {
      const Result<FeedAnswer> answer = co_await feeds_.ask(question);
      if (!answer) {
        co_await rest(list);
        continue;
      }
      if (answer->body) {
        blocks = blocks_from(*answer->body);
        question.known.assign(1, answer->etag);
        unwritten = true;
      }
    }
    while (!stopped_ && (unwritten || !named)) {
      const Result<bool> more = co_await write(list, blocks);
      if (!more) {
        spdlog::warn("blocks of list {} for gateways: {}", list, more.error().text());
        co_await rest(list);
        continue;
      }
      unwritten = *more;
      if (!unwritten) {
        break;
      }
    }
    if (!named && !named_.contains(list)) {
      break;
    }
    unwritten = unwritten || !named;  // named again meanwhile
  }
  followed_.erase(list);
}

}  // namespace mooring::controller
