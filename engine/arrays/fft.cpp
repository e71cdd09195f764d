#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <stdexcept>

#include "arrays/fourier_piece.h"
#include "arrays/tasks.h"
#include "kernelet/aligned.h"
#include "kernelet/fourier.h"
#include "kernelet/team.h"

namespace kernelet {
namespace {

Index3 axes(const Extents& extents) { return {extents.depth, extents.height, extents.width}; }

std::int64_t size(const Index3& lengths) { return lengths[0] * lengths[1] * lengths[2]; }

struct Sizes {
    Index3 signal;
    Index3 window;
    Index3 before;
    Index3 output;
};

// An axis of a piece: where the signal's numbers and the results stand in the transform.
struct PieceAxis {
    std::int64_t begin;     // first result
    std::int64_t results;   // how many
    std::int64_t start;     // number of the signal that is loaded first
    std::int64_t count;     // numbers loaded; the rest is zeros
    std::int64_t first;     // where the first result comes out
    std::int64_t left_out;  // zeros before `start` that the results need

    // Whether results come out where they are expected and nothing that wraps around meets them.
    bool fits(std::int64_t length) const {
        return first + results <= length && count + left_out <= length;
    }
};

// Zeros beyond the border are not loaded, which leaves the room they would take to results.
PieceAxis piece_axis(const Sizes& sizes, std::size_t axis, std::int64_t begin, std::int64_t step,
                     bool zeros_beyond) {
    const std::int64_t reach = sizes.window[axis] - 1;
    const std::int64_t results = std::min(step, sizes.output[axis] - begin);
    const std::int64_t start = begin - sizes.before[axis];
    if (!zeros_beyond) return {begin, results, start, results + reach, reach, 0};
    const std::int64_t left_out = std::clamp(-start, std::int64_t{0}, reach);
    const std::int64_t count = std::clamp(sizes.signal[axis] - (start + left_out), std::int64_t{0},
                                          results + reach - left_out);
    return {begin, results, start + left_out, count, reach - left_out, left_out};
}

void check(std::int64_t batch, const Sizes& sizes, const Index3& step, const Index3& real_lengths,
           bool zeros_beyond) {
    // More than any memory holds, and few enough to add and subtract.
    constexpr std::int64_t most = std::int64_t{1} << 48;
    for (std::size_t axis = 0; axis < 3; ++axis) {
        if (batch < 1 || sizes.signal[axis] < 1 || sizes.window[axis] < 1 ||
            sizes.output[axis] < 1 || step[axis] < 1) {
            throw std::invalid_argument("sizes must be at least 1");
        }
        if (std::max({std::abs(sizes.before[axis]), sizes.output[axis], step[axis]}) > most) {
            throw std::invalid_argument("sizes must be below 2^48");
        }
        bool fits = sizes.window[axis] <= real_lengths[axis];
        for (std::int64_t begin = 0; begin < sizes.output[axis]; begin += step[axis]) {
            fits =
                fits &&
                piece_axis(sizes, axis, begin, step[axis], zeros_beyond).fits(real_lengths[axis]);
        }
        if (!fits) throw std::invalid_argument("the pieces do not fit the transform");
    }
}

template <class T>
class TransformCorrelation {
  public:
    TransformCorrelation(const FourierPlan<T>& plan, const Correlation& problem, const T* signal,
                         const T* window, T fill, T* output, const Index3& step)
        : plan_(plan),
          sizes_{axes(problem.signal), axes(problem.window), axes(problem.before),
                 axes(problem.output)},
          boundary_(problem.boundary),
          signal_(signal),
          fill_(fill),
          output_(output),
          layout_{plan.kernels(), plan.lengths(), plan.folded_axis()},
          step_(step),
          zeros_beyond_(problem.boundary == Boundary::fill && fill == T{0}),
          factors_(aligned_array<T>(elements())),
          reversed_(aligned_array<T>(size(sizes_.window))) {
        check(problem.batch, sizes_, step, layout_.real_lengths(), zeros_beyond_);
        pieces_ = problem.batch;
        for (std::size_t axis = 0; axis < 3; ++axis) pieces_ *= pieces_of(axis);
        // A product of polynomials sums over the window from its end.
        std::reverse_copy(window, window + size(sizes_.window), reversed_.get());
    }

    void run(int threads) {
        ThreadPool::check_threads(threads);
        if (share_pieces(threads)) {
            solve_together(threads);
        } else {
            solve_apart(threads);
        }
    }

  private:
    std::int64_t pieces_of(std::size_t axis) const {
        return (sizes_.output[axis] + step_[axis] - 1) / step_[axis];
    }

    std::int64_t elements() const { return plan_.cells() * fourier_cell_elements; }

    // Whether all threads work on one piece at a time: where taking turns would leave some idle for
    // more than an eighth of the time, and where one workspace is all that the shared cache holds.
    bool share_pieces(int threads) const {
        constexpr std::int64_t cache_bytes = 4 << 20;
        if (threads < 2) return false;
        const std::int64_t rounds = (pieces_ + threads - 1) / threads;
        const bool idle = (rounds * threads - pieces_) * 8 > rounds * threads;
        return idle || elements() * static_cast<std::int64_t>(sizeof(T)) > cache_bytes;
    }

    // All threads work on one piece, and then on the next.
    void solve_together(int threads) {
        const AlignedArray<T> cells = aligned_array<T>(elements());
        Barrier barrier;
        ThreadPool::global().run(threads, barrier, [&](int index, int count) {
            const KeepDenormals keep;
            const Team team{index, count, &barrier};
            evaluate_window(team);
            for (std::int64_t k = 0; k < pieces_; ++k) solve(k, cells.get(), team);
        });
    }

    // Every thread works on pieces of its own, runs of neighbours as it becomes free. Where they
    // are few, they begin by evaluating the window together: half the work of a piece.
    void solve_apart(int threads) {
        const AlignedArray<T> cells = aligned_array<T>(threads * elements());
        std::atomic<std::int64_t> workers{0};
        const auto make_worker = [&] {
            T* const own = cells.get() + workers.fetch_add(1) * elements();
            return [this, own](std::int64_t begin, std::int64_t end) {
                for (std::int64_t k = begin; k < end; ++k) solve(k, own, {});
            };
        };
        constexpr std::int64_t few_pieces_a_thread = 4;
        if (threads > 1 && pieces_ <= threads * few_pieces_a_thread) {
            TaskQueue tasks(pieces_, threads);
            Barrier barrier;
            ThreadPool::global().run(threads, barrier, [&](int index, int count) {
                const KeepDenormals keep;
                evaluate_window({index, count, &barrier});
                tasks.work(make_worker);
            });
        } else {
            {
                const KeepDenormals keep;
                evaluate_window({});
            }
            run_tasks(pieces_, threads, make_worker);
        }
    }

    void evaluate_window(const Team& team) {
        const PieceSource<T> source{reversed_.get(), sizes_.window, Boundary::fill, T{0}};
        load_piece(layout_, source, {0, 0, 0}, sizes_.window, factors_.get(), team);
        team.wait();
        plan_.evaluate(factors_.get(), team);
        team.wait();
    }

    void solve(std::int64_t number, T* cells, const Team& team) const {
        Index3 begin{};
        Index3 results{};
        Index3 start{};
        Index3 count{};
        Index3 first{};
        for (std::size_t axis = 3; axis-- > 0;) {
            const std::int64_t piece = number % pieces_of(axis);
            number /= pieces_of(axis);
            const PieceAxis at =
                piece_axis(sizes_, axis, piece * step_[axis], step_[axis], zeros_beyond_);
            begin[axis] = at.begin;
            results[axis] = at.results;
            start[axis] = at.start;
            count[axis] = at.count;
            first[axis] = at.first;
        }
        const std::int64_t batch = number;
        const PieceSource<T> source{signal_ + batch * size(sizes_.signal), sizes_.signal, boundary_,
                                    fill_};
        load_piece(layout_, source, start, count, cells, team);
        team.wait();
        plan_.multiply(cells, factors_.get(), team);
        team.wait();
        store_piece(layout_, cells, first, results, output_ + batch * size(sizes_.output),
                    sizes_.output, begin, team);
        team.wait();
    }

    const FourierPlan<T>& plan_;
    Sizes sizes_;
    Boundary boundary_;
    const T* signal_;
    T fill_;
    T* output_;
    PieceLayout<T> layout_;
    Index3 step_;
    bool zeros_beyond_;
    std::int64_t pieces_ = 0;
    AlignedArray<T> factors_;
    AlignedArray<T> reversed_;
};

}  // namespace

template <class T>
void correlate_by_transforms(const FourierPlan<T>& plan, const Correlation& problem,
                             const std::array<std::int64_t, 3>& step, const T* signal,
                             const T* window, T fill, T* output, int threads) {
    TransformCorrelation<T>(plan, problem, signal, window, fill, output, step).run(threads);
}

template void correlate_by_transforms<float>(const FourierPlan<float>&, const Correlation&,
                                             const std::array<std::int64_t, 3>&, const float*,
                                             const float*, float, float*, int);
template void correlate_by_transforms<double>(const FourierPlan<double>&, const Correlation&,
                                              const std::array<std::int64_t, 3>&, const double*,
                                              const double*, double, double*, int);

}  // namespace kernelet
