"""The callbacks in the libraries themselves; skipped where one is not installed."""

import numpy as np
import pytest

from rmt_rank.inspection.callbacks import RankCallback, log_ranks

SHAPE = (40, 34)


def torch_or_skip():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.mark.filterwarnings("ignore")  # those of the library are its own
def test_lightning_itself_logs_the_ranks(tmp_path):
    torch = torch_or_skip()
    lightning = pytest.importorskip("lightning.pytorch", reason="Lightning is not installed")

    class Model(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(SHAPE[1], SHAPE[0])

        def training_step(self, batch, index):
            return self.layer(batch[0]).square().mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    model, kept = Model(), []
    ranks = RankCallback(log=lambda numbers, step: kept.append((step, numbers)))
    data = torch.utils.data.TensorDataset(torch.ones(4, SHAPE[1]))
    trainer = lightning.Trainer(
        max_epochs=2,
        accelerator="cpu",
        callbacks=[ranks.lightning()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(model, torch.utils.data.DataLoader(data, batch_size=2))
    assert [step for step, _ in kept] == [0, 1]
    assert kept[-1][1] == log_ranks(model)
    for name, value in kept[-1][1].items():
        # a logged metric is in single precision
        assert float(trainer.callback_metrics[name]) == pytest.approx(value, rel=1e-6, abs=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_transformers_itself_logs_the_ranks(tmp_path):
    torch = torch_or_skip()
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    pytest.importorskip("accelerate", reason="accelerate is not installed")

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(SHAPE[1], SHAPE[0])

        def forward(self, x, labels=None):
            return {"loss": self.layer(x).square().mean()}

    model = Model()
    arguments = transformers.TrainingArguments(
        output_dir=tmp_path,
        max_steps=2,
        logging_steps=1,
        report_to=[],
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
        remove_unused_columns=False,
    )
    trainer = transformers.Trainer(
        model=model,
        args=arguments,
        train_dataset=[{"x": torch.ones(SHAPE[1])}] * 4,
        callbacks=[RankCallback().transformers()],
    )
    trainer.train()
    history = [
        each for each in trainer.state.log_history if "rank/layer.weight/effective_rank" in each
    ]
    assert len(history) >= 2
    assert history[0]["step"] == 1
    assert log_ranks(model).items() <= history[-1].items()


@pytest.mark.filterwarnings("ignore")
def test_keras_itself_logs_the_ranks(monkeypatch):
    torch_or_skip()
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    model = keras.Sequential([keras.Input((SHAPE[1],)), keras.layers.Dense(SHAPE[0])])
    model.compile(loss="mse", optimizer="sgd")
    x, y = np.ones((4, SHAPE[1]), "float32"), np.ones((4, SHAPE[0]), "float32")
    history = model.fit(x, y, epochs=2, verbose=0, callbacks=[RankCallback().keras()]).history
    expected = log_ranks(model)
    assert expected
    for name, value in expected.items():
        assert len(history[name]) == 2
        assert history[name][-1] == pytest.approx(value)
