"""Every constant of `neural-style` and `paper` beside the number that its source has.

neural_style.lua is jcjohnson/neural-style's, by its option or the function that has it; the paper
is Gatys, Ecker, Bethge (CVPR 2016).
"""

from typing import Any

import pytest

from pastiche.options import BackboneChoice, OptionError
from pastiche.presets import NEURAL_STYLE, PAPER, PRESETS, SOURCED, Preset, preset

OF_NEURAL_STYLE: dict[str, Any] = {
    "size": 512,  # -image_size 512
    "content_weight": 5,  # -content_weight 5e0
    "style_weight": 100,  # -style_weight 1e2
    "tv_weight": 0.001,  # -tv_weight 1e-3
    "iterations": 1000,  # -num_iterations 1000
    "gradient_normalisation": False,  # -normalize_gradients false
    "optimiser": "lbfgs",  # -optimizer lbfgs
    "adam_step": 10 / 255,  # -learning_rate 1e1, of pixels in 0 to 255
    "lbfgs_history": 100,  # -lbfgs_num_correction 0, and optim.lbfgs: nCorrection or 100
    "style_scale": 1,  # -style_scale 1.0
    "colour": "style",  # -original_colors 0
    "pooling": "max",  # -pooling max
    "backbone": "vgg19-caffe",  # -model_file models/VGG_ILSVRC_19_layers.caffemodel
    "padding": "zeros",  # VGG_ILSVRC_19_layers_deploy.prototxt: pad: 1
    "start": "mean",  # -init random: around 0, to which deprocess adds mean_pixel
    "start_noise": 0.001 / 255,  # torch.randn(…):mul(0.001), of pixels in 0 to 255
    "normalisation": "neural-style",  # nn.MSECriterion; self.G:div(input:nElement())
    "style_statistic": "gram",  # GramMatrix
    "style_blend": "statistics",  # self.target:add(self.blend_weight, self.G)
    "tv_norm": "squared",  # TVLoss:updateGradInput: the differences, not their signs
    "resampling": "bilinear",  # image.scale(…, 'bilinear')
    "scales": 1,
}

OF_THE_PAPER: dict[str, Any] = {
    "normalisation": "paper",  # eq. 1, 4
    "style_statistic": "gram",  # eq. 3
    "content_weight": 1,  # figures 5 and 6: α/β = 1 × 10⁻³
    "style_weight": 1000,
    "tv_weight": 0,  # eq. 7 has α and β alone
    "pooling": "average",  # section 2
    "padding": "zeros",  # VGG's
    "style_scale": 1,  # section 2.3: the style image has the content image's size
    "scales": 1,
    "start": "noise",  # section 2.3: a white noise image
    "optimiser": "lbfgs",  # section 2.3
    "iterations": 500,  # open; max_iter = 500 in leongatys/PytorchNeuralStyleTransfer
}


@pytest.mark.parametrize(
    ("name", "numbers"), [("neural-style", OF_NEURAL_STYLE), ("paper", OF_THE_PAPER)]
)
def test_a_preset_has_the_constants_of_its_source(name: Preset, numbers: dict[str, Any]) -> None:
    assert PRESETS[name] == numbers
    options = preset(name)
    assert {each: getattr(options, each) for each in numbers} == numbers


def test_the_paper_s_ratio_of_content_to_style_is_a_thousandth() -> None:
    options = preset("paper")
    assert options.content_weight / options.style_weight == pytest.approx(1e-3)


@pytest.mark.parametrize("constants", [NEURAL_STYLE, PAPER])
def test_every_constant_names_its_source(constants: dict[str, Any]) -> None:
    assert all(constant.source for constant in constants.values())


def test_only_presets_from_elsewhere_have_sources() -> None:
    assert set(SOURCED) == {"neural-style", "paper"}


@pytest.mark.parametrize("backbone", ["whitened", "auto"])
def test_a_preset_for_pretrained_networks_takes_no_other(backbone: BackboneChoice) -> None:
    with pytest.raises(OptionError, match="vgg19-caffe, vgg19, vgg16"):
        preset("neural-style", backbone=backbone)
    assert preset("neural-style", backbone="vgg16").backbone == "vgg16"
