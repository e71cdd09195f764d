// Sliding dot products by way of transforms, on every instruction set, against their definition.
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "arrays/border.h"
#include "check.h"
#include "kernelet/correlation.h"
#include "kernelet/cpu.h"
#include "kernelet/fourier.h"

namespace {

using kernelet::Boundary;
using kernelet::Correlation;
using kernelet::Extents;
using kernelet::FourierPlan;
using Radices = std::array<std::vector<int>, 3>;
using Step = std::array<std::int64_t, 3>;

std::int64_t size(const Extents& extents) { return extents.depth * extents.height * extents.width; }

template <class T>
std::vector<T> random_numbers(std::int64_t count, unsigned seed) {
    std::mt19937 generator{seed};
    std::normal_distribution<double> normal;
    std::vector<T> numbers(static_cast<std::size_t>(count));
    for (T& number : numbers) number = static_cast<T>(normal(generator));
    return numbers;
}

template <class T>
class Problem {
  public:
    Problem(const Correlation& sizes, T fill)
        : sizes_(sizes),
          fill_(fill),
          signal_(random_numbers<T>(sizes.batch * size(sizes.signal), 1)),
          window_(random_numbers<T>(size(sizes.window), 2)) {}

    std::vector<T> solve(const FourierPlan<T>& plan, const Step& step, int threads) const {
        // Exactly as long as it must be: sanitizers see what is written past the end.
        std::vector<T> output(static_cast<std::size_t>(sizes_.batch * size(sizes_.output)));
        kernelet::correlate_by_transforms<T>(plan, sizes_, step, signal_.data(), window_.data(),
                                             fill_, output.data(), threads);
        return output;
    }

    // How far results are from the definition, relative to its norm.
    double error(const std::vector<T>& output) const {
        double difference = 0.0;
        double norm = 0.0;
        std::size_t at = 0;
        const Extents& out = sizes_.output;
        for (std::int64_t batch = 0; batch < sizes_.batch; ++batch) {
            for (std::int64_t z = 0; z < out.depth; ++z) {
                for (std::int64_t y = 0; y < out.height; ++y) {
                    for (std::int64_t x = 0; x < out.width; ++x, ++at) {
                        const double expected = result(batch, {z, y, x});
                        difference += std::pow(static_cast<double>(output[at]) - expected, 2);
                        norm += expected * expected;
                    }
                }
            }
        }
        return std::sqrt(difference / norm);
    }

  private:
    double signal(std::int64_t batch, const Extents& cell) const {
        const Extents& sizes = sizes_.signal;
        const auto at = [&](std::int64_t index, std::int64_t length) {
            return kernelet::source_index(index, length, sizes_.boundary);
        };
        const std::int64_t z = at(cell.depth, sizes.depth);
        const std::int64_t y = at(cell.height, sizes.height);
        const std::int64_t x = at(cell.width, sizes.width);
        if (z < 0 || y < 0 || x < 0) return static_cast<double>(fill_);
        const std::int64_t index = ((batch * sizes.depth + z) * sizes.height + y) * sizes.width + x;
        return static_cast<double>(signal_[static_cast<std::size_t>(index)]);
    }

    double result(std::int64_t batch, const Extents& cell) const {
        double sum = 0.0;
        std::size_t tap = 0;
        const Extents& window = sizes_.window;
        for (std::int64_t k = 0; k < window.depth; ++k) {
            for (std::int64_t l = 0; l < window.height; ++l) {
                for (std::int64_t m = 0; m < window.width; ++m, ++tap) {
                    sum += signal(batch, {cell.depth + k - sizes_.before.depth,
                                          cell.height + l - sizes_.before.height,
                                          cell.width + m - sizes_.before.width}) *
                           static_cast<double>(window_[tap]);
                }
            }
        }
        return sum;
    }

    Correlation sizes_;
    T fill_;
    std::vector<T> signal_;
    std::vector<T> window_;
};

template <class T>
void check_case(const FourierPlan<T>& plan, const Correlation& sizes, T fill, const Step& step) {
    const Problem<T> problem(sizes, fill);
    const std::vector<T> output = problem.solve(plan, step, 1);
    CHECK(problem.error(output) < 16 * static_cast<double>(std::numeric_limits<T>::epsilon()));
    CHECK(problem.solve(plan, step, 2) == output);
    CHECK(problem.solve(plan, step, 3) == output);
}

template <class T>
void check_results(const kernelet::FourierKernels<T>& kernels) {
    const FourierPlan<T> line(kernels, Radices{{{}, {}, {2, 8}}});
    check_case<T>(line, {2, {1, 1, 700}, {1, 1, 31}, {0, 0, 30}, {1, 1, 730}, Boundary::fill}, 0,
                  {1, 1, 482});
    check_case<T>(line, {1, {1, 1, 11}, {1, 1, 40}, {0, 0, 39}, {1, 1, 50}, Boundary::wrap}, 0,
                  {1, 1, 50});
    const FourierPlan<T> long_line(kernels, Radices{{{}, {}, {5, 3, 4, 8}}});
    check_case<T>(long_line, {1, {1, 1, 9000}, {1, 1, 50}, {0, 0, 3}, {1, 1, 8990}, Boundary::symm},
                  0, {1, 1, 8990});
    const FourierPlan<T> plane(kernels, Radices{{{}, {8}, {2}}});
    check_case<T>(plane, {1, {1, 20, 45}, {1, 4, 3}, {0, 2, 1}, {1, 20, 45}, Boundary::symm}, 0,
                  {1, 13, 30});
    const FourierPlan<T> volume(kernels, Radices{{{2}, {3, 4}, {4}}});
    check_case<T>(volume, {1, {5, 14, 70}, {2, 3, 5}, {1, 2, 4}, {6, 16, 74}, Boundary::fill}, 1,
                  {3, 10, 60});
}

template <class T>
void check_refusals(const kernelet::FourierKernels<T>& kernels) {
    CHECK_THROWS(FourierPlan<T>(kernels, Radices{{{}, {}, {7, 16}}}), std::invalid_argument);
    CHECK_THROWS(FourierPlan<T>(kernels, Radices{{{}, {}, {8}}}), std::invalid_argument);
    const FourierPlan<T> plan(kernels, Radices{{{}, {}, {4, 4}}});
    Correlation sizes{1, {1, 1, 600}, {1, 1, 13}, {0, 0, 0}, {1, 1, 588}, Boundary::fill};
    CHECK(Problem<T>(sizes, 1).solve(plan, {1, 1, 500}, 1).size() == 588);
    CHECK_THROWS(Problem<T>(sizes, 1).solve(plan, {1, 1, 501}, 1), std::invalid_argument);
    CHECK_THROWS(Problem<T>(sizes, 1).solve(plan, {1, 0, 500}, 1), std::invalid_argument);
    sizes.output.height = 0;
    CHECK_THROWS(Problem<T>(sizes, 1).solve(plan, {1, 1, 500}, 1), std::invalid_argument);
}

}  // namespace

int main() {
    for (const kernelet::Isa isa : kernelet::processor().levels) {
        const auto& table = kernelet::fourier_table(kernelet::isa_name(isa));
        check_results(table.float32);
        check_results(table.float64);
        check_refusals(table.float32);
        check_refusals(table.float64);
        std::printf("%s\n", std::string(kernelet::isa_name(isa)).c_str());
    }
    return 0;
}
