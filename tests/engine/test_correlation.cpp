// The sliding product of every instruction set against sums of whole numbers, exactly; sanitizers
// see what is read or written past the end of an array.
#include <cstdint>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "arrays/border.h"
#include "check.h"
#include "kernelet/correlation.h"
#include "kernelet/cpu.h"

namespace {

using kernelet::Boundary;
using kernelet::Correlation;
using kernelet::Extents;

std::size_t cells(const Extents& extents) {
    return static_cast<std::size_t>(extents.depth * extents.height * extents.width);
}

class Random {
  public:
    std::int64_t between(std::int64_t low, std::int64_t high) {
        return std::uniform_int_distribution<std::int64_t>(low, high)(generator_);
    }

    Extents extents(const Extents& low, const Extents& high) {
        return {between(low.depth, high.depth), between(low.height, high.height),
                between(low.width, high.width)};
    }

    template <class T>
    std::vector<T> numbers(std::size_t count) {
        std::vector<T> result(count);
        for (T& number : result) number = static_cast<T>(between(0, 9));
        return result;
    }

  private:
    std::mt19937 generator_{31};
};

Correlation random_problem(Random& random) {
    Correlation p{};
    p.batch = random.between(1, 2);
    p.signal = random.extents({1, 1, 1}, {3, 12, 90});
    p.window = random.extents({1, 1, 1}, {2, 7, 20});
    p.before = random.extents({-1, -1, -1}, p.window);
    p.output = random.extents({1, 1, 1}, {3, 12, 110});
    p.boundary = static_cast<Boundary>(random.between(0, 2));
    return p;
}

template <class T>
struct Arrays {
    std::vector<T> signal;
    std::vector<T> window;
    T fill;

    // A cell of the continued signal.
    T at(const Correlation& p, std::int64_t entry, const Extents& cell) const {
        const std::int64_t z = kernelet::source_index(cell.depth, p.signal.depth, p.boundary);
        const std::int64_t y = kernelet::source_index(cell.height, p.signal.height, p.boundary);
        const std::int64_t x = kernelet::source_index(cell.width, p.signal.width, p.boundary);
        if (z < 0 || y < 0 || x < 0) return fill;
        const std::int64_t row = (entry * p.signal.depth + z) * p.signal.height + y;
        return signal[static_cast<std::size_t>(row * p.signal.width + x)];
    }
};

template <class T>
T sum_of_products(const Correlation& p, const Arrays<T>& arrays, std::int64_t entry,
                  const Extents& cell) {
    T sum{};
    std::size_t tap = 0;
    for (std::int64_t k = 0; k < p.window.depth; ++k)
        for (std::int64_t l = 0; l < p.window.height; ++l)
            for (std::int64_t m = 0; m < p.window.width; ++m) {
                const Extents source{cell.depth + k - p.before.depth,
                                     cell.height + l - p.before.height,
                                     cell.width + m - p.before.width};
                const T product =
                    static_cast<T>(arrays.at(p, entry, source) * arrays.window[tap++]);
                sum = static_cast<T>(sum + product);
            }
    return sum;
}

template <class T>
std::vector<T> by_definition(const Correlation& p, const Arrays<T>& arrays) {
    std::vector<T> output;
    for (std::int64_t entry = 0; entry < p.batch; ++entry)
        for (std::int64_t z = 0; z < p.output.depth; ++z)
            for (std::int64_t y = 0; y < p.output.height; ++y)
                for (std::int64_t x = 0; x < p.output.width; ++x)
                    output.push_back(sum_of_products(p, arrays, entry, {z, y, x}));
    return output;
}

template <class T>
void test_direct(const std::string& isa, Random& random) {
    const Correlation p = random_problem(random);
    const std::size_t count = static_cast<std::size_t>(p.batch) * cells(p.signal);
    const Arrays<T> arrays{random.numbers<T>(count), random.numbers<T>(cells(p.window)), T{3}};
    std::vector<T> output(static_cast<std::size_t>(p.batch) * cells(p.output));
    kernelet::correlate_direct<T>(isa, p, arrays.signal.data(), arrays.window.data(), arrays.fill,
                                  output.data(), static_cast<int>(random.between(1, 3)));
    CHECK(output == by_definition(p, arrays));
}

template <class T>
void test_separable(const std::string& isa, Random& random) {
    Correlation p = random_problem(random);
    p.window.depth = 1;
    const auto column = random.numbers<T>(static_cast<std::size_t>(p.window.height));
    const auto row = random.numbers<T>(static_cast<std::size_t>(p.window.width));
    Arrays<T> arrays{
        random.numbers<T>(static_cast<std::size_t>(p.batch) * cells(p.signal)), {}, T{2}};
    for (const T& a : column)
        for (const T& b : row) arrays.window.push_back(static_cast<T>(a * b));
    std::vector<T> output(static_cast<std::size_t>(p.batch) * cells(p.output));
    kernelet::correlate_separable<T>(isa, p, arrays.signal.data(), column.data(), row.data(),
                                     arrays.fill, output.data(),
                                     static_cast<int>(random.between(1, 3)));
    CHECK(output == by_definition(p, arrays));
}

template <class T>
void test_type(const std::string& isa, Random& random) {
    const int count = cases(40);
    for (int repeat = 0; repeat < count; ++repeat) {
        test_direct<T>(isa, random);
        test_separable<T>(isa, random);
    }
}

void test_refusals() {
    const std::vector<float> ones(64, 1.0F);
    std::vector<float> output(64);
    const auto solve = [&](const Correlation& p, int threads) {
        kernelet::correlate_direct<float>("scalar", p, ones.data(), ones.data(), 0.0F,
                                          output.data(), threads);
    };
    const Correlation good{1, {1, 4, 4}, {1, 3, 3}, {0, 0, 0}, {1, 2, 2}, Boundary::fill};
    solve(good, 1);
    CHECK(output[0] == 9.0F);
    CHECK_THROWS(solve(good, 0), std::invalid_argument);
    Correlation bad = good;
    bad.signal.width = 0;
    CHECK_THROWS(solve(bad, 1), std::invalid_argument);
    bad = good;
    bad.before.height = std::int64_t{1} << 60;
    CHECK_THROWS(solve(bad, 1), std::invalid_argument);
    bad = good;
    bad.window.depth = 2;
    CHECK_THROWS(kernelet::correlate_separable<float>("scalar", bad, ones.data(), ones.data(),
                                                      ones.data(), 0.0F, output.data(), 1),
                 std::invalid_argument);
}

}  // namespace

int main() {
    for (const kernelet::Isa isa : kernelet::processor().levels) {
        const std::string name(kernelet::isa_name(isa));
        Random random;
        test_type<float>(name, random);
        test_type<double>(name, random);
        test_type<std::uint8_t>(name, random);
        test_type<std::uint16_t>(name, random);
        test_type<std::uint32_t>(name, random);
        test_type<std::uint64_t>(name, random);
        std::printf("%s: %d sliding products exact\n", name.c_str(), 12 * cases(40));
    }
    test_refusals();
    return 0;
}
