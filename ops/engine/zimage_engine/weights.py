"""From the settings to a pipeline that is ready to draw."""

import importlib.util
import logging
from typing import Any

import torch
from diffusers import PipelineQuantizationConfig, ZImagePipeline

from .random_weights import FULL, TINY, random_pipeline
from .settings import ATTENTION, Settings

log = logging.getLogger("engine")

PACKAGES = {"fp8": "torchao", "int8": "torchao", "bnb-int8": "bitsandbytes", "bnb-nf4": "bitsandbytes"}


class SetupError(Exception):
    """The engine cannot start; the message says what to do."""


def device_of(settings: Settings) -> torch.device:
    """Where to draw: the first GPU where there is one."""
    if settings.device != "auto":
        device = torch.device(settings.device)
    else:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SetupError("PyTorch sees no CUDA device: check nvidia-smi, or start with --device cpu --tiny")
    if device.type != "cuda" and settings.offload != "none":
        raise SetupError("--offload moves weights off a GPU, and there is none: leave it out")
    return device


def load(settings: Settings, device: torch.device) -> ZImagePipeline:
    """Loads or makes the weights and prepares them as the settings say."""
    _require(settings.quantize)
    pipeline = _pipeline(settings, device)
    pipeline.set_progress_bar_config(disable=True)
    _check_schedule(pipeline)
    _quantize(pipeline, settings.quantize)
    backend = ATTENTION[settings.attention]
    if backend is not None:
        pipeline.transformer.set_attention_backend(backend)
    _compile(pipeline.transformer, settings.compile)
    return pipeline


def _pipeline(settings: Settings, device: torch.device) -> ZImagePipeline:
    if settings.weights == "tiny":
        # So small that a second thread costs more than it does, above all on a busy machine.
        torch.set_num_threads(1)
        return random_pipeline(TINY, device, torch.float32)
    if settings.weights == "random-full":
        log.info("making random weights of full size on %s", device)
        pipeline = random_pipeline(FULL, torch.device("cpu") if settings.offload != "none" else device, torch.bfloat16)
    else:
        log.info("loading %s; the first time it is downloaded: 33 GB", settings.model)
        try:
            pipeline = ZImagePipeline.from_pretrained(
                settings.model, dtype=torch.bfloat16, quantization_config=_bitsandbytes(settings.quantize)
            )
        except (OSError, ValueError) as error:
            raise SetupError(f"{settings.model} cannot be loaded: {error}") from error
    if settings.offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
    elif settings.offload == "sequential":
        pipeline.enable_sequential_cpu_offload(device=device)
    else:
        pipeline.to(device)
    return pipeline


def _check_schedule(pipeline: ZImagePipeline) -> None:
    """The eight steps were distilled for one schedule; with another the model draws worse, and nobody would see why."""
    config = pipeline.scheduler.config
    if config.get("shift") != 3.0 or config.get("use_dynamic_shifting"):
        log.warning("this model's scheduler is not that of Z-Image-Turbo (shift 3.0): is it another model?")


def _require(quantize: str) -> None:
    package = PACKAGES.get(quantize)
    if package is not None and importlib.util.find_spec(package) is None:
        raise SetupError(
            f"--quantize {quantize} needs {package}: install it with .venv-engine/bin/pip install {package}"
        )


def _bitsandbytes(quantize: str) -> PipelineQuantizationConfig | None:
    if quantize not in ("bnb-int8", "bnb-nf4"):
        return None
    options: dict[str, Any] = {"load_in_8bit": True}
    if quantize == "bnb-nf4":
        options = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": torch.bfloat16}
    return PipelineQuantizationConfig(
        quant_backend=f"bitsandbytes_{'4bit' if quantize == 'bnb-nf4' else '8bit'}",
        quant_kwargs=options,
        components_to_quantize=["transformer"],
    )


def _quantize(pipeline: ZImagePipeline, quantize: str) -> None:
    """Weights and activations of the transformer's large products; nine tenths of the work is there."""
    if PACKAGES.get(quantize) != "torchao":
        return
    from torchao import quantization

    config = (
        quantization.Float8DynamicActivationFloat8WeightConfig(granularity=quantization.PerRow())
        if quantize == "fp8"
        else quantization.Int8DynamicActivationInt8WeightConfig()
    )
    for blocks in (
        pipeline.transformer.layers,
        pipeline.transformer.noise_refiner,
        pipeline.transformer.context_refiner,
    ):
        quantization.quantize_(blocks, config)


def _compile(transformer: torch.nn.Module, how: str) -> None:
    """One class of block makes up the whole network, so compiling it once is enough."""
    if how == "off":
        return
    if how == "blocks":
        transformer.compile_repeated_blocks(fullgraph=True)
        return
    transformer.compile_repeated_blocks(fullgraph=True, mode="reduce-overhead")
    # The next step may write over what a graph returned in this one.
    transformer.register_forward_pre_hook(lambda *_: torch.compiler.cudagraph_mark_step_begin())
