// Counter-based random numbers: Philox4x32-10 (Salmon et al., SC11) for a block of samples.
//
// The key is the seed; the counter holds the number of the block of words, the sample's row in the
// data set, the epoch and the stream. src/kernelet/random.py computes the same words.
#pragma once

#include "kernelet/kernel.h"
#include "simd/common.h"

namespace kernelet::KERNELET_ISA {

// Four words of every sample: a random value's elements 4b to 4b + 3 take those of block b.
struct RandomWords {
    alignas(64) std::uint32_t word[4][lanes];
};

// Rows of the block's samples in the data set; lanes past the last sample repeat the first.
struct SampleRows {
    alignas(64) std::int64_t row[lanes];
};

inline SampleRows sample_rows(const Call& call) {
    SampleRows rows;
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
        rows.row[lane] = call.step->samples[call.block * lanes + (lane < call.samples ? lane : 0)];
    }
    return rows;
}

// One round. Local copies of the words tell the compiler that no two of them overlap.
KERNELET_INLINE void philox_round(RandomWords& words, std::uint32_t key_0, std::uint32_t key_1) {
    const RandomWords old = words;
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
        const std::uint64_t left = std::uint64_t{0xD2511F53U} * old.word[0][lane];
        const std::uint64_t right = std::uint64_t{0xCD9E8D57U} * old.word[2][lane];
        words.word[0][lane] = static_cast<std::uint32_t>(right >> 32U) ^ old.word[1][lane] ^ key_0;
        words.word[1][lane] = static_cast<std::uint32_t>(right);
        words.word[2][lane] = static_cast<std::uint32_t>(left >> 32U) ^ old.word[3][lane] ^ key_1;
        words.word[3][lane] = static_cast<std::uint32_t>(left);
    }
}

// Ten rounds, from words that hold the counters.
inline void philox(const Step& step, RandomWords& words) {
    auto key_0 = static_cast<std::uint32_t>(step.seed);
    auto key_1 = static_cast<std::uint32_t>(step.seed >> 32U);
    for (int round = 0; round < 10; ++round) {
        philox_round(words, key_0, key_1);
        key_0 += 0x9E3779B9U;
        key_1 += 0xBB67AE85U;
    }
}

KERNELET_INLINE void set_counter(RandomWords& words, std::int64_t lane, std::int64_t block,
                                 std::int64_t row, const Step& step, std::int64_t stream) {
    words.word[0][lane] = static_cast<std::uint32_t>(block);
    words.word[1][lane] = static_cast<std::uint32_t>(row);
    words.word[2][lane] = static_cast<std::uint32_t>(step.epoch);
    words.word[3][lane] = static_cast<std::uint32_t>(stream);
}

inline RandomWords random_words(const Step& step, const SampleRows& samples, std::int64_t stream,
                                std::int64_t block) {
    RandomWords words;
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
        set_counter(words, lane, block, samples.row[lane], step, stream);
    }
    philox(step, words);
    return words;
}

// The words of one sample: each lane has those of a block of its own, from `block` on.
inline RandomWords consecutive_random_words(const Step& step, std::int64_t row, std::int64_t stream,
                                            std::int64_t block) {
    RandomWords words;
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
        set_counter(words, lane, block + lane, row, step, stream);
    }
    philox(step, words);
    return words;
}

}  // namespace kernelet::KERNELET_ISA
