// The kernel's nftables by libnftables, in process. Threading: one thread; each call is a conversation with the kernel
// of about a millisecond.
#pragma once

#include <memory>

#include "overlay-gateway/app/ports.hpp"

struct nft_ctx;

namespace mooring::gateway {

class Nftables : public SourceTranslation {
 public:
  Nftables();
  ~Nftables() override;
  Result<bool> ensure(const SourceNat& nat) override;

 private:
  struct Free {
    void operator()(nft_ctx* context) const;
  };
  // What it says, or why it does not.
  Result<std::string> run(const std::string& commands);

  std::unique_ptr<nft_ctx, Free> context_;
  bool known_gone_ = false;  // no table was wished, and none was there
};

}  // namespace mooring::gateway
