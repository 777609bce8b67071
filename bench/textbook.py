"""The textbook way: the same five layers in fp32, through a network whose weights want gradients too, with features
computed to the end of the network and the channels first, as tutorials have it."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from stylegram.common.hyperparameters import LAYERS, Hyperparameters
from stylegram.stylizer.engine.models.weights import StateDict, convolution_indices


def textbook(state: StateDict, content: Tensor, style: Tensor) -> Callable[[Tensor], Tensor]:
    """The loss of a picture of shape (1, 3, H, W), with its graph.

    Args:
        state: VGG-19 under torchvision's names.
        content: shape (1, 3, H, W).
        style: shape (1, 3, h, w).
    """
    settings = Hyperparameters()
    parameters = {key: tensor.to(content.device).clone().requires_grad_() for key, tensor in state.items()}

    def features(image: Tensor) -> dict[str, Tensor]:
        found = {}
        for name, index in zip(LAYERS, convolution_indices("vgg19"), strict=True):
            if index and name.endswith("_1"):
                image = F.max_pool2d(image, 2)
            weight, bias = parameters[f"features.{index}.weight"], parameters[f"features.{index}.bias"]
            image = found[name] = F.relu(F.conv2d(image, weight, bias, padding=1))
        return found

    def gram(feature: Tensor) -> Tensor:
        flat = feature[0].flatten(1)
        return flat @ flat.T / flat.shape[1]

    with torch.no_grad():
        found = features(content)
        wanted_content = {layer: found[layer] for layer in settings.content_layers}
        found = features(style)
        wanted_style = {layer: gram(found[layer]) for layer in settings.style_layers}

    def loss(image: Tensor) -> Tensor:
        found = features(image)
        content_loss = torch.stack([F.mse_loss(found[layer], target) for layer, target in wanted_content.items()]).sum()
        style_loss = torch.stack(
            [F.mse_loss(gram(found[layer]), target) for layer, target in wanted_style.items()]
        ).sum()
        return content_loss + style_loss

    return loss
