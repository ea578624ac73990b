"""torchvision's networks as fedx has them: a stem of 1 or 3 channels and a head of one logit."""
import torch, torchvision

# The first convolution and the classifier, by torchvision's names.
STEM = dict(efficientnet_b0="features.0.0", resnet18="conv1", densenet121="features.conv0")
CLASSIFIER = dict(efficientnet_b0="classifier.1", resnet18="fc", densenet121="classifier")

def put(model, name, make):  # replaces a part by what is made of it
    place, _, last = name.rpartition(".")
    setattr(model.get_submodule(place), last, make(model.get_submodule(name)))

def network(name="efficientnet_b0", channels=1):
    model = getattr(torchvision.models, name)()
    put(model, STEM[name], lambda c: torch.nn.Conv2d(channels, c.out_channels, c.kernel_size, c.stride, c.padding, bias=False))
    put(model, CLASSIFIER[name], lambda c: torch.nn.Linear(c.in_features, 1))
    return model
