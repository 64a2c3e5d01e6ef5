"""Pipelines with random weights: the real code of diffusers without a download.

Tiny ones let tests, and a newcomer without a GPU, run all of it. Full-sized ones give the real timing, which does not
depend on the weights' values. What either draws is noise.
"""

from typing import Any

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3Model

SCHEDULER = {"num_train_timesteps": 1000, "shift": 3.0, "use_dynamic_shifting": False}

TINY: dict[str, dict[str, Any]] = {
    # axes_lens: captions, rows and columns of 16 pixels. diffusers' own tests have too few for 1536.
    "transformer": {
        "dim": 32,
        "n_layers": 2,
        "n_refiner_layers": 1,
        "n_heads": 2,
        "n_kv_heads": 2,
        "cap_feat_dim": 16,
        "axes_dims": [8, 4, 4],
        "axes_lens": [1024, 128, 128],
    },
    # Four blocks, so that a latent is an eighth of a picture, as in the real one.
    "vae": {"block_out_channels": (8, 8, 16, 16), "layers_per_block": 1, "norm_num_groups": 4},
    "text": {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 1024,
    },
}

FULL: dict[str, dict[str, Any]] = {
    "transformer": {"axes_lens": [1536, 512, 512]},
    "vae": {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "norm_num_groups": 32},
    # Qwen's vocabulary, of which the tokenizer of bytes uses little: its table is 0.7 GiB of the memory.
    "text": {
        "vocab_size": 151936,
        "hidden_size": 2560,
        "intermediate_size": 9728,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "max_position_embeddings": 40960,
    },
}

VAE = {
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 16,
    "scaling_factor": 0.3611,
    "shift_factor": 0.1159,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
    "mid_block_add_attention": True,
}

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer of 259 entries, one a byte, with the chat marks of Qwen: it needs no files."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: number for number, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(mark) for mark in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<|endoftext|>", eos_token="<|im_end|>", chat_template=CHAT_TEMPLATE
    )


def random_pipeline(sizes: dict[str, dict[str, Any]], device: torch.device, dtype: torch.dtype) -> ZImagePipeline:
    """A pipeline made on the device from a fixed seed: the same weights at every start."""
    tokenizer = byte_tokenizer()
    blocks = len(sizes["vae"]["block_out_channels"])
    devices = [device] if device.type == "cuda" else []
    before = torch.get_default_dtype()
    with torch.random.fork_rng(devices), torch.device(device):
        torch.manual_seed(0)
        torch.set_default_dtype(dtype)
        try:
            transformer = ZImageTransformer2DModel(**sizes["transformer"])
            vae = AutoencoderKL(
                down_block_types=("DownEncoderBlock2D",) * blocks,
                up_block_types=("UpDecoderBlock2D",) * blocks,
                **VAE,
                **sizes["vae"],
            )
            text_encoder = Qwen3Model(Qwen3Config(**{"vocab_size": len(tokenizer), "rope_theta": 1e6} | sizes["text"]))
        finally:
            torch.set_default_dtype(before)
    for module in (transformer, vae, text_encoder):
        module.eval()
    scheduler = FlowMatchEulerDiscreteScheduler(**SCHEDULER)
    return ZImagePipeline(scheduler, vae, text_encoder, tokenizer, transformer)
