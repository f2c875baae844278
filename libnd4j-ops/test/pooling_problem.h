// One deformable pooling for the tests: its shape and its arrays.
#pragma once

#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "../src/kernels/deformable_psroi_pooling.h"
#include "result.h"

namespace dcn4j::pooling {

struct Case {
    const char* name;
    Index n, h, w, rois, outputDim;
    Index groupSize = 1, pooledSize = 7, partSize = 7, samplePerPart = 4;
    Index classes = 1;
    bool trans = true;
    double transStd = 0.1;
    double spatialScale = 0.25;
    Layout layout = Layout::Contiguous;

    PsroiPoolingGeometry geometry() const {
        return {n,
                h,
                w,
                rois,
                outputDim,
                groupSize,
                pooledSize,
                partSize,
                samplePerPart,
                classes,
                spatialScale,
                transStd};
    }
};

inline std::ostream& operator<<(std::ostream& out, const Case& c) {
    return out << c.name;
}

/// The arrays of one case, filled at random; rois lie in and around the image and overlap.
template <class Element, class RoiElement = ComputeType<Element>>
struct Problem {
    using Real = ComputeType<Element>;

    Problem(const Case& c, unsigned seed, Around around = Around::Guards)
        : g(c.geometry()),
          input({g.batch, g.channels(), g.height, g.width}, c.layout, around),
          rois({1, 1, g.rois, 5}, c.layout, around),
          trans({g.rois, 2 * g.classes, g.partSize, g.partSize}, c.layout, around),
          output({g.rois, g.outputDim, g.pooledSize, g.pooledSize}, c.layout, around),
          count({g.rois, g.outputDim, g.pooledSize, g.pooledSize}, c.layout, around),
          gradOutput({g.rois, g.outputDim, g.pooledSize, g.pooledSize}, c.layout, around),
          gradInput({g.batch, g.channels(), g.height, g.width}, c.layout, around),
          gradTrans({g.rois, 2 * g.classes, g.partSize, g.partSize}, c.layout, around) {
        std::mt19937 random(seed);
        for (auto* array : {&input, &trans, &gradOutput}) fill(*array, random);
        std::uniform_real_distribution<double> fraction(0, 1);
        const double height = static_cast<double>(g.height) / g.spatialScale;
        const double width = static_cast<double>(g.width) / g.spatialScale;
        for (Index r = 0; r < g.rois; ++r) {
            const double x = (fraction(random) * 1.2 - 0.2) * width;
            const double y = (fraction(random) * 1.2 - 0.2) * height;
            setRoi(r, static_cast<double>(r % g.batch), x, y, x + fraction(random) * width,
                   y + fraction(random) * height);
        }
        inputs.type = typeOf<Element>();
        inputs.roisType = typeOf<RoiElement>();
        inputs.input = input.tensor();
        inputs.rois.data = rois.tensor().data;
        inputs.rois.strides[0] = rois.tensor().strides[2];
        inputs.rois.strides[1] = rois.tensor().strides[3];
        gradients.input = gradInput.tensor();
        if (!c.trans) return;
        inputs.trans = trans.tensor();
        gradients.trans = gradTrans.tensor();
    }

    void setRoi(Index r, double image, double x1, double y1, double x2, double y2) {
        const double values[] = {image, x1, y1, x2, y2};
        for (Index i = 0; i < 5; ++i) {
            rois.at(0, 0, r, i) =
                narrow<RoiElement>(static_cast<ComputeType<RoiElement>>(values[i]));
        }
    }

    void forward(const DeformablePsroiPoolingKernel& kernel, int threads = 2) {
        kernel.forward(g, inputs, output.tensor(), count.tensor(), threads);
    }

    void backward(const DeformablePsroiPoolingKernel& kernel, int threads = 2) {
        kernel.backward(g, inputs, count.tensor(), gradOutput.tensor(), gradients, threads);
    }

    /// What forward and backward wrote, by name.
    std::vector<Result> results() {
        std::vector<Result> all{resultOf("output", output), resultOf("count", count),
                                resultOf("gradInput", gradInput)};
        if (gradients.trans.present()) all.push_back(resultOf("gradTrans", gradTrans));
        return all;
    }

    PsroiPoolingGeometry g;
    Array<Element> input;
    Array<RoiElement> rois;
    Array<Element> trans, output;
    Array<Real> count;
    Array<Element> gradOutput, gradInput, gradTrans;
    DeformablePsroiPoolingInputs inputs;
    DeformablePsroiPoolingGradients gradients;
};

}  // namespace dcn4j::pooling
