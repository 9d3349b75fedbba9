// A store whose commits the test lets through one by one, or fails.
#pragma once

#include <deque>
#include <utility>

#include "ipam-controller/app/ports.hpp"

namespace mooring::controller::fakes {

class HeldStore : public Store {
 public:
  HeldStore(Store& inner, Post post) : inner_(inner), post_(std::move(post)) {}

  Result<StoreInfo> load(const std::function<void(const Write&)>& each) override { return inner_.load(each); }
  void commit(Batch batch, Callback<void> done) override { held_.emplace_back(std::move(batch), std::move(done)); }
  void changes_since(Revision after, Revision up_to, std::size_t limit, Callback<ChangeLogPage> done) override {
    inner_.changes_since(after, up_to, limit, std::move(done));
  }
  void backup(std::string path, Progress progress, Callback<BackupCopy> done) override {
    inner_.backup(std::move(path), std::move(progress), std::move(done));
  }

  AuditLedger& ledger() override { return inner_.ledger(); }

  std::size_t held() const { return held_.size(); }
  const Batch& next() const { return held_.front().first; }
  void let_through() {
    auto [batch, done] = std::move(held_.front());
    held_.pop_front();
    inner_.commit(std::move(batch), std::move(done));
  }
  void fail(const Error& error) {
    auto [batch, done] = std::move(held_.front());
    held_.pop_front();
    post_([callback = std::move(done), error] { callback(error); });
  }

 private:
  Store& inner_;
  Post post_;
  std::deque<std::pair<Batch, Callback<void>>> held_;
};

}  // namespace mooring::controller::fakes
