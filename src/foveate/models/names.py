"""Names of hosts and encoders, known before PyTorch and the libraries that build them are loaded."""

from foveate.shelves import read_names

SMP_HOSTS = (
    *("deeplabv3", "deeplabv3plus", "dpt", "fpn", "linknet", "manet", "pan", "pspnet", "segformer", "unet"),
    *("unetplusplus", "upernet"),
)
"""The architectures of segmentation_models_pytorch."""

_ENCODERS = """
densenet121 densenet161 densenet169 densenet201 dpn107 dpn131 dpn68 dpn68b dpn92 dpn98 efficientnet-b0
efficientnet-b1 efficientnet-b2 efficientnet-b3 efficientnet-b4 efficientnet-b5 efficientnet-b6
efficientnet-b7 inceptionresnetv2 inceptionv4 mit_b0 mit_b1 mit_b2 mit_b3 mit_b4 mit_b5 mobilenet_v2
mobileone_s0 mobileone_s1 mobileone_s2 mobileone_s3 mobileone_s4 resnet101 resnet152 resnet18 resnet34
resnet50 resnext101_32x16d resnext101_32x32d resnext101_32x48d resnext101_32x4d resnext101_32x8d
resnext50_32x4d se_resnet101 se_resnet152 se_resnet50 se_resnext101_32x4d se_resnext50_32x4d senet154
timm-efficientnet-b0 timm-efficientnet-b1 timm-efficientnet-b2 timm-efficientnet-b3 timm-efficientnet-b4
timm-efficientnet-b5 timm-efficientnet-b6 timm-efficientnet-b7 timm-efficientnet-b8 timm-efficientnet-l2
timm-skresnet18 timm-skresnet34 timm-skresnext50_32x4d timm-tf_efficientnet_lite0
timm-tf_efficientnet_lite1 timm-tf_efficientnet_lite2 timm-tf_efficientnet_lite3
timm-tf_efficientnet_lite4 vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn xception
"""


def host_names() -> tuple[str, ...]:
    """Return the values of `arch`; the name of a timm model is also accepted, as a classifier.

    >>> {"unet", "deeplabv3plus", "fcn", "classifier"} <= set(host_names())
    True
    """
    return tuple(sorted((*SMP_HOSTS, *read_names(f"{__package__}.hosts", "host"))))


def encoder_names() -> tuple[str, ...]:
    """Return the encoders of segmentation hosts; "tu-NAME" is accepted too, for any name of a timm model.

    >>> "mobilenet_v2" in encoder_names()
    True
    """
    return tuple(_ENCODERS.split())
