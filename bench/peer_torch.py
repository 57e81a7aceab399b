"""PyTorch's part in the comparison of peers.py; variants eager, channels_last and compiled."""
from answer import Missing, answer

WIDTHS, COUNTS, CLASSES = (64, 128, 256, 512, 512), (2, 2, 3, 3, 3), 10


def block(nn, channels, width, count):
    layers = []
    for i in range(count):
        layers += [nn.Conv2d(width if i else channels, width, 3, padding=1), nn.ReLU()]
    return layers + [nn.MaxPool2d(2)]


def network(nn, work):
    if work == "trunk":
        layers = []
        for b in range(5):
            layers += block(nn, WIDTHS[b - 1] if b else 3, WIDTHS[b], COUNTS[b])
        return nn.Sequential(*layers), (3, 224, 224)
    if work == "block5":
        return nn.Sequential(*block(nn, 512, 512, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                             nn.Linear(512, CLASSES)), (512, 14, 14)
    if work == "finetune":
        return nn.Sequential(*block(nn, 512, 512, 3), nn.Flatten(), nn.Linear(25088, 4096), nn.ReLU(),
                             nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, CLASSES)), (512, 14, 14)
    return nn.Sequential(nn.Linear(25088, 1000), nn.ReLU(), nn.Dropout(.3), nn.Linear(1000, 500), nn.Sigmoid(), nn.Dropout(.4),
                         nn.Linear(500, 150), nn.Sigmoid(), nn.Dropout(.2), nn.Linear(150, CLASSES)), (25088,)


def make(work, precision, threads, batch, variant):
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    if precision not in ("fp32", "bf16"):
        raise Missing(f"PyTorch is asked for fp32 and bf16 here, not {precision}")
    net, shape = network(torch.nn, work)
    x = torch.rand(batch, *shape) * 2 - 1
    if variant != "eager" and len(shape) == 3:
        net, x = net.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    half = precision == "bf16"
    version = torch.__version__
    if work == "trunk":
        net = net.eval()
        if half:
            net, x = net.bfloat16(), x.bfloat16()
        call = torch.compile(net) if variant == "compiled" else net

        def run():
            with torch.inference_mode():
                call(x)
        return version, run

    labels = torch.arange(batch) % CLASSES
    loss_of = torch.nn.CrossEntropyLoss()
    call = torch.compile(net) if variant == "compiled" else net
    fused = variant != "eager"
    optimizer = None
    if work == "top":
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, eps=1e-7, fused=fused)
    if work == "finetune":
        optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=.9, nesterov=True, fused=fused)

    def run():
        net.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = loss_of(call(x), labels)
        loss.backward()
        if optimizer:
            optimizer.step()
    return version, run


answer(make)
