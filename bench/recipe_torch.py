"""Both recipes in PyTorch, eager: features once under no_grad and then the top; frozen layers under no_grad, the others
trained. Pictures stay bytes until their batch. See recipes.py."""
import numpy as np

import recipe_data as data

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
PIECE = 16  # pictures that go through the trunk at once


def trunk(torch, weights):
    """Blocks 1 to 5, each a Sequential."""
    nn, out, channels = torch.nn, [], 3
    with np.load(weights) as numbers, torch.no_grad():
        for b, (width, count) in enumerate(BLOCKS, 1):
            layers = []
            for i in range(1, count + 1):
                conv = nn.Conv2d(channels, width, 3, padding=1)
                conv.weight.copy_(torch.from_numpy(numbers[f"block{b}_conv{i}/kernel"].transpose(3, 2, 0, 1).copy()))
                conv.bias.copy_(torch.from_numpy(numbers[f"block{b}_conv{i}/bias"]))
                layers += [conv, nn.ReLU()]
                channels = width
            out.append(nn.Sequential(*layers, nn.MaxPool2d(2)))
    return out


def batch_of(torch, pictures):
    return torch.from_numpy(data.enlarge(pictures)).permute(0, 3, 1, 2).contiguous()


def run_frozen(torch, body, pictures):
    with torch.no_grad():
        return torch.cat([body(batch_of(torch, pictures[i:i + PIECE])) for i in range(0, len(pictures), PIECE)])


def fit(torch, job, net, optimizer, schedule, rows_of, labels, train, val):
    """rows_of(samples) is what the net gets."""
    batch, loss_of = job["config"]["batch-size"], torch.nn.CrossEntropyLoss()
    for _ in range(job["config"]["epochs"]):
        order = train[np.random.permutation(len(train))]
        net.train()
        for i in range(0, len(order), batch):
            optimizer.zero_grad(set_to_none=True)
            loss_of(net(rows_of(order[i:i + batch])), labels[order[i:i + batch]]).backward()
            optimizer.step()
            if schedule:
                schedule.step()
        net.eval()
        with torch.no_grad():
            for i in range(0, len(val), batch):
                loss_of(net(rows_of(val[i:i + batch])), labels[val[i:i + batch]])


def features(torch, job, pictures, labels, train, val):
    nn, config = torch.nn, job["config"]
    body = nn.Sequential(*trunk(torch, job["weights"]), nn.Flatten()).eval()
    rows = run_frozen(torch, body, pictures)
    top = nn.Sequential(nn.Linear(rows.shape[1], 1000), nn.ReLU(), nn.Dropout(0.3), nn.Linear(1000, 500), nn.Sigmoid(),
                        nn.Dropout(0.4), nn.Linear(500, 150), nn.Sigmoid(), nn.Dropout(0.2), nn.Linear(150, data.CLASSES))
    nn.init.uniform_(top[0].weight, -0.05, 0.05)
    for layer in top:
        if isinstance(layer, nn.Linear):
            nn.init.zeros_(layer.bias)
            if layer is not top[0]:
                nn.init.xavier_uniform_(layer.weight)
    optimizer = torch.optim.Adam(top.parameters(), lr=config["lr"], eps=1e-7)
    fit(torch, job, top, optimizer, None, lambda samples: rows[samples], labels, train, val)
    return lambda pictures: top(run_frozen(torch, body, pictures))


def finetune(torch, job, pictures, labels, train, val):
    nn, config = torch.nn, job["config"]
    blocks = trunk(torch, job["weights"])
    body = nn.Sequential(*blocks[:4]).eval()
    net = nn.Sequential(blocks[4], nn.Flatten(), nn.Linear(25088, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(),
                        nn.Linear(4096, data.CLASSES))
    for layer in net[2:]:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    optimizer = torch.optim.SGD(net.parameters(), lr=config["lr"], momentum=config["momentum"], nesterov=config["nesterov"])
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + config["decay"] * step))
    fit(torch, job, net, optimizer, schedule, lambda samples: run_frozen(torch, body, pictures[samples]), labels, train, val)
    return lambda pictures: net(run_frozen(torch, body, pictures))


def main():
    job, say = data.open_job()
    try:
        import torch
    except ImportError as why:
        say.write(f"missing: {why}\n")
        return
    say.write(f"ready {torch.__version__}\n")
    torch.set_num_threads(job["threads"])
    torch.manual_seed(job["config"]["seed"])
    np.random.seed(job["config"]["seed"])
    pictures, labels = data.digits(job["data"], "train", job["pictures"])
    train, val = data.split(len(labels), job["config"]["val-split"], job["config"]["split-seed"])
    recipe = {"features": features, "finetune": finetune}[job["recipe"]]
    answer = recipe(torch, job, pictures, torch.from_numpy(labels.astype(np.int64)), train, val)
    data.say_trained(say)
    pictures, labels = data.digits(job["data"], "t10k", job["test_pictures"])
    with torch.no_grad():
        right = [answer(pictures[i:i + 100]).argmax(1).numpy() == labels[i:i + 100] for i in range(0, len(labels), 100)]
    say.write(f"accuracy {np.concatenate(right).mean():.6f}\n")


main()
