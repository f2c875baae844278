// The ops from libnd4j's side, with libnd4j_stand_in in its place: legal calls with some of their
// arguments, shapes, types and arrays spoilt. A legal call succeeds, a spoilt one succeeds or is
// refused with the op's name, writing nothing; no call changes its inputs.
#include <cstring>
#include <iterator>
#include <memory>
#include <new>
#include <stdexcept>

#include "../libnd4j_stand_in.h"
#include "fuzzing.h"

namespace dcn4j {
namespace {

enum class Memory { C, F, Spread, Broadcast };

struct Argument {
    std::vector<Index> sizes;
    ElementType type;
    Memory memory = Memory::C;
    sd::LongType claimedType = 0;  ///< flag of a type that no op takes, or 0
};

struct Call {
    std::string op;
    std::vector<int> integers;
    std::vector<double> floats;
    std::vector<Argument> inputs;
    Index images = 0;                       ///< with rois: the batch indices that there are
    std::vector<std::int64_t> levels = {};  ///< of attention: heights and widths
};

constexpr sd::LongType intFlag = 131072, longFlag = 262144;

Index product(const std::vector<Index>& sizes) {
    // In floating point first: spoilt sizes multiply to anything.
    double all = 1;
    for (const Index size : sizes) all *= static_cast<double>(size);
    return all > 1e15 ? Index{1} << 50 : static_cast<Index>(all);
}

Call drawConvolution(FuzzedDataProvider& data, ElementType type) {
    const auto draw = [&](int least, int most) { return data.ConsumeIntegralInRange(least, most); };
    const bool plain = data.ConsumeBool(), backward = data.ConsumeBool();
    const int groups = draw(1, 3), offsetGroups = plain ? 1 : draw(1, 3);
    const int n = draw(0, 2), c = groups * offsetGroups * draw(1, 3), o = groups * draw(1, 3);
    const int h = draw(1, 9), w = draw(1, 9), kH = draw(1, 3), kW = draw(1, 3);
    const int sH = draw(1, 3), sW = draw(1, 3), pH = draw(1, 3), pW = draw(1, 3);
    const bool same = data.ConsumeBool(), channelsLast = data.ConsumeBool();
    const Index outH = same ? (h + sH - 1) / sH : (h + 2 * pH - kH) / sH + 1;
    const Index outW = same ? (w + sW - 1) / sW : (w + 2 * pW - kW) / sW + 1;
    const auto image = [&](Index channels, Index height, Index width) {
        return channelsLast ? Argument{{n, height, width, channels}, type}
                            : Argument{{n, channels, height, width}, type};
    };
    Call call;
    call.op = std::string(plain ? "dcn4j_conv2d" : "deformable_conv2d") + (backward ? "_bp" : "");
    call.integers = {kH, kW, sH, sW, pH, pW, 1, 1, same, channelsLast, offsetGroups, groups};
    call.inputs = {image(c, h, w), {{o, c / groups, kH, kW}, type}};
    if (!plain) {
        call.inputs.push_back(image(2 * offsetGroups * kH * kW, outH, outW));
        if (data.ConsumeBool()) call.inputs.push_back(image(offsetGroups * kH * kW, outH, outW));
    }
    if (data.ConsumeBool()) call.inputs.push_back({{o}, type});
    if (backward) call.inputs.push_back(image(o, outH, outW));
    return call;
}

Call drawPooling(FuzzedDataProvider& data, ElementType type) {
    const auto draw = [&](int least, int most) { return data.ConsumeIntegralInRange(least, most); };
    const bool backward = data.ConsumeBool(), moved = data.ConsumeBool();
    const int n = draw(1, 3), h = draw(1, 9), w = draw(1, 9), rois = draw(0, 4);
    const int classes = draw(1, 2), dim = classes * draw(1, 3), group = draw(1, 2);
    const int pooled = draw(1, 4), part = draw(1, 4), samples = draw(1, 3);
    const ElementType counts =
        type == ElementType::Float64 ? ElementType::Float64 : ElementType::Float32;
    const Argument output{{rois, dim, pooled, pooled}, type};
    Call call;
    call.op = std::string("deformable_psroi_pooling") + (backward ? "_bp" : "");
    call.integers = {dim, group, pooled, part, samples};
    call.floats = {0.5, 0.1};
    call.images = n;
    call.inputs = {{{n, dim * group * group, h, w}, type}, {{rois, 5}, counts}};
    if (moved) call.inputs.push_back({{rois, 2 * classes, part, part}, type});
    if (backward) {
        call.inputs.push_back({output.sizes, counts});
        call.inputs.push_back(output);
    }
    return call;
}

Call drawDcnv3(FuzzedDataProvider& data, ElementType type) {
    const auto draw = [&](int least, int most) { return data.ConsumeIntegralInRange(least, most); };
    const bool backward = data.ConsumeBool();
    const int n = draw(0, 2), groups = draw(1, 3), c = groups * draw(1, 3);
    const int h = draw(1, 9), w = draw(1, 9), kH = draw(1, 3), kW = draw(1, 3);
    const int sH = draw(1, 3), sW = draw(1, 3), pH = draw(1, 3), pW = draw(1, 3);
    const bool remove = data.ConsumeBool() && kH % 2 == 1 && kW % 2 == 1 && kH * kW > 1;
    const Index outH = (h + 2 * pH - kH) / sH + 1, outW = (w + 2 * pW - kW) / sW + 1;
    const int samples = groups * (kH * kW - (remove ? 1 : 0));
    Call call;
    call.op = std::string("dcnv3") + (backward ? "_bp" : "");
    call.integers = {kH, kW, sH, sW, pH, pW, 1, 1, groups, remove};
    call.floats = {1.5};
    call.inputs = {{{n, h, w, c}, type},
                   {{n, outH, outW, 2 * samples}, type},
                   {{n, outH, outW, samples}, type}};
    if (backward) call.inputs.push_back({{n, outH, outW, c}, type});
    return call;
}

Call drawAttention(FuzzedDataProvider& data, ElementType type) {
    const auto draw = [&](int least, int most) { return data.ConsumeIntegralInRange(least, most); };
    const bool backward = data.ConsumeBool();
    const int n = draw(0, 2), heads = draw(1, 3), width = draw(1, 5), queries = draw(1, 9);
    const int levels = draw(1, 3), points = draw(1, 3);
    Call call;
    Index pixels = 0;
    for (int l = 0; l < levels; ++l) {
        call.levels.push_back(draw(1, 5));
        call.levels.push_back(draw(1, 5));
        pixels += call.levels[call.levels.size() - 2] * call.levels.back();
    }
    call.op = std::string("multi_scale_deformable_attention") + (backward ? "_bp" : "");
    call.inputs = {{{n, pixels, heads, width}, type},
                   {{levels, 2}, ElementType::Float64, Memory::C, longFlag},
                   {{n, queries, heads, levels, points, 2}, type},
                   {{n, queries, heads, levels, points}, type}};
    if (backward) call.inputs.push_back({{n, queries, heads * width}, type});
    return call;
}

void spoilShape(FuzzedDataProvider& data, Argument& argument) {
    const auto where = [&](std::size_t places) {
        return static_cast<std::ptrdiff_t>(data.ConsumeIntegralInRange<std::size_t>(0, places - 1));
    };
    std::vector<Index>& sizes = argument.sizes;
    switch (data.ConsumeIntegralInRange(0, 4)) {
        case 0:
            if (!sizes.empty()) sizes.erase(sizes.begin() + where(sizes.size()));
            break;
        case 1:
            sizes.insert(sizes.begin() + where(sizes.size() + 1),
                         data.ConsumeIntegralInRange<Index>(0, 3));
            break;
        case 2:
            if (sizes.size() > 1)
                std::swap(sizes[0], sizes[static_cast<std::size_t>(where(sizes.size()))]);
            break;
        case 3:
            // Nothing, in huge dimensions.
            if (!sizes.empty()) {
                sizes[static_cast<std::size_t>(where(sizes.size()))] =
                    Index{1} << data.ConsumeIntegralInRange(16, 24);
                sizes[0] = 0;
            }
            break;
        default:
            if (!sizes.empty()) {
                sizes[static_cast<std::size_t>(where(sizes.size()))] =
                    data.ConsumeIntegralInRange<Index>(0, 40);
            }
    }
}

void spoilInteger(FuzzedDataProvider& data, int& value) {
    static constexpr int edges[] = {0,      -1,      std::numeric_limits<int>::max(),
                                    1,      1 << 16, std::numeric_limits<int>::min(),
                                    1 << 30};
    value = data.ConsumeBool() ? data.PickValueInArray(edges) : data.ConsumeIntegral<int>();
}

void spoil(FuzzedDataProvider& data, Call& call) {
    const auto input = [&]() -> std::size_t {
        return data.ConsumeIntegralInRange<std::size_t>(0, call.inputs.size() - 1);
    };
    switch (data.ConsumeIntegralInRange(0, 8)) {
        case 0:
            call.integers.resize(data.ConsumeIntegralInRange<std::size_t>(0, 14), 1);
            break;
        case 1:
            call.floats.resize(data.ConsumeIntegralInRange<std::size_t>(0, 3), 1);
            break;
        case 2:
            if (!call.floats.empty()) {
                call.floats[data.ConsumeIntegralInRange<std::size_t>(0, call.floats.size() - 1)] =
                    fuzz::drawNumber(data);
            }
            break;
        case 3:
            if (!call.inputs.empty()) spoilShape(data, call.inputs[input()]);
            break;
        case 4:
            if (!call.inputs.empty()) {
                call.inputs[input()].type =
                    data.PickValueInArray({ElementType::Float32, ElementType::Float64,
                                           ElementType::Float16, ElementType::BFloat16});
            }
            break;
        case 5:
            // BYTE, SHORT, INT, LONG, BOOL, unsigned INT, none.
            if (!call.inputs.empty()) {
                call.inputs[input()].claimedType = data.PickValueInArray<sd::LongType>(
                    {32768, 65536, intFlag, longFlag, 524288, 8388608 | intFlag, 1});
            }
            break;
        case 6:
            if (!call.inputs.empty()) {
                call.inputs.erase(call.inputs.begin() + static_cast<std::ptrdiff_t>(input()));
            }
            break;
        case 7:
            if (!call.inputs.empty()) call.inputs.push_back(call.inputs[input()]);
            break;
        default:
            if (!call.integers.empty()) {
                spoilInteger(data, call.integers[data.ConsumeIntegralInRange<std::size_t>(
                                       0, call.integers.size() - 1)]);
            }
    }
}

std::unique_ptr<stand_in::Array> makeArray(const Argument& argument) {
    std::vector<Index> strides(argument.sizes.size());
    Index stride = argument.memory == Memory::Spread ? 2 : 1;
    for (std::size_t i = 0; i < strides.size(); ++i) {
        const std::size_t d = argument.memory == Memory::F ? i : strides.size() - 1 - i;
        strides[d] = argument.memory == Memory::Broadcast && d == 0 ? 0 : stride;
        stride *= argument.sizes[d];
    }
    // Eight bytes for each integer: an op may read them.
    const bool integers = argument.claimedType == intFlag || argument.claimedType == longFlag;
    auto array = std::make_unique<stand_in::Array>(integers ? ElementType::Float64 : argument.type,
                                                   argument.sizes, strides);
    if (argument.claimedType != 0) array->claimType(argument.claimedType);
    return array;
}

Memory drawMemory(FuzzedDataProvider& data) {
    return data.PickValueInArray({Memory::C, Memory::F, Memory::Spread});
}

/// Whether the call is little enough to do for thousands of runs.
bool isWorthwhile(const Call& call, const std::vector<std::vector<Index>>& outputs) {
    double work = 1;
    for (const auto& sizes : outputs) work += static_cast<double>(product(sizes));
    for (const Argument& input : call.inputs) work += static_cast<double>(product(input.sizes));
    if (call.floats.size() == 2) work *= std::pow(static_cast<double>(call.integers[4]), 2);
    return work < 50000;
}

void fill(FuzzedDataProvider& data, const Call& call,
          const std::vector<std::unique_ptr<stand_in::Array>>& inputs, bool& badSizes) {
    unsigned state = data.ConsumeIntegral<std::uint8_t>() + 1u;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        std::vector<double> values(static_cast<std::size_t>(product(inputs[i]->sizes())));
        for (double& value : values) {
            state = state * 1664525u + 1013904223u;
            value = static_cast<double>(state >> 8) / 0x1p23 - 1;
        }
        if (call.images > 0 && i == 1) {
            for (std::size_t v = 0; v + 4 < values.size(); v += 5) {
                values[v] = static_cast<double>(v / 5 % static_cast<std::size_t>(call.images));
                if (data.ConsumeIntegralInRange(0, 15) != 0) continue;
                values[v] = data.PickValueInArray({-1.0, 0.5, static_cast<double>(call.images),
                                                   1e30, std::numeric_limits<double>::quiet_NaN()});
            }
        }
        inputs[i]->set(values);
    }
    if (call.levels.empty() || inputs.size() < 2 || call.inputs[1].claimedType != longFlag) return;
    // Their bits, as those of doubles.
    std::vector<double> sizes(static_cast<std::size_t>(product(inputs[1]->sizes())));
    std::vector<double> good(sizes);
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        std::int64_t size = call.levels[i % call.levels.size()];
        std::memcpy(&good[i], &size, sizeof size);
        if (data.ConsumeIntegralInRange(0, 31) == 0) size = data.ConsumeIntegral<std::int64_t>();
        std::memcpy(&sizes[i], &size, sizeof size);
    }
    inputs[1]->set(sizes);
    // A broadcast view's sizes are all the last that was set.
    const std::vector<double> set = inputs[1]->values();
    badSizes =
        !set.empty() && std::memcmp(set.data(), good.data(), set.size() * sizeof(double)) != 0;
}

/// Whether a roi is of no image.
bool hasBadRoi(const Call& call, stand_in::Array& rois) {
    const std::vector<double> values = rois.values();
    for (std::size_t v = 0; v < values.size(); v += 5) {
        const double index = values[v];
        const bool good =
            index >= 0 && index < static_cast<double>(call.images) && index == std::floor(index);
        if (!good) return true;
    }
    return false;
}

/// Calls an op; whether it refused, as an op does.
template <class Action>
bool refused(const Call& call, Action action) {
    try {
        action();
        return false;
    } catch (const std::bad_alloc&) {
        return true;  // arguments within their ranges that ask for more memory than there is
    } catch (const std::invalid_argument& e) {
        const std::string message = e.what();
        if (message.rfind(call.op + ": ", 0) != 0 ||
            message.find(": expected ") == std::string::npos ||
            message.find(", got ") == std::string::npos) {
            fuzz::fail("an unclear message: " + message);
        }
        return true;
    }
}

void check(FuzzedDataProvider& data) {
    const auto type = fuzz::drawType(data);
    static constexpr Call (*kinds[])(FuzzedDataProvider&, ElementType) = {
        drawConvolution, drawPooling, drawDcnv3, drawAttention};
    Call call = data.PickValueInArray(kinds)(data, type);
    for (Argument& input : call.inputs) {
        input.memory =
            data.ConsumeIntegralInRange(0, 7) == 0 ? Memory::Broadcast : drawMemory(data);
    }
    const int spoilt = data.ConsumeIntegralInRange(0, 2);
    for (int i = 0; i < spoilt; ++i) spoil(data, call);
    for (const Argument& input : call.inputs) {
        if (product(input.sizes) > 50000) return;
    }

    stand_in::Context context;
    context.integers = call.integers;
    context.floats = call.floats;
    std::vector<std::unique_ptr<stand_in::Array>> inputs, outputs;
    for (const Argument& input : call.inputs) {
        inputs.push_back(makeArray(input));
        context.inputs.push_back(inputs.back().get());
    }
    std::vector<std::vector<Index>> sizes;
    if (refused(call, [&] { sizes = stand_in::outputShapes(call.op, context); })) {
        if (spoilt == 0) fuzz::fail(call.op + " refused a legal call");
        return;
    }
    if (!isWorthwhile(call, sizes)) return;

    bool badSizes = false;
    fill(data, call, inputs, badSizes);
    const bool badRoi = call.images > 0 && spoilt == 0 && hasBadRoi(call, *inputs[1]);
    bool badOutput = false;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        const bool counts = call.op == "deformable_psroi_pooling" && i == 1;
        const bool wide = call.inputs[0].type == ElementType::Float64;
        Argument output{sizes[i],
                        !counts ? call.inputs[0].type
                        : wide  ? ElementType::Float64
                                : ElementType::Float32,
                        drawMemory(data)};
        if (data.ConsumeIntegralInRange(0, 15) == 0) {
            badOutput = true;
            output.memory = Memory::Broadcast;
            if (data.ConsumeBool()) spoilShape(data, output);
            if (product(output.sizes) > 50000) return;
        }
        outputs.push_back(makeArray(output));
        outputs.back()->set(
            std::vector<double>(static_cast<std::size_t>(product(outputs.back()->sizes())), 0.25));
        context.outputs.push_back(outputs.back().get());
    }
    std::vector<std::vector<double>> before, untouched;
    for (const auto& input : inputs) before.push_back(input->values());
    for (const auto& output : outputs) untouched.push_back(output->values());
    stand_in::maxThreads = data.ConsumeIntegralInRange(1, 5);

    const bool no = refused(call, [&] { stand_in::run(call.op, context); });
    if (no && spoilt == 0 && !badRoi && !badSizes && !badOutput)
        fuzz::fail(call.op + " refused a legal call");
    if (!no && spoilt == 0 && badRoi) fuzz::fail(call.op + " took a roi of no image");
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        fuzz::expectSame(call.op + " input " + std::to_string(i), inputs[i]->values(), before[i]);
    }
    if (!no) return;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        fuzz::expectSame(call.op + " refused, but output " + std::to_string(i),
                         outputs[i]->values(), untouched[i]);
    }
}

}  // namespace
}  // namespace dcn4j

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    FuzzedDataProvider data(bytes, size);
    dcn4j::check(data);
    return 0;
}
